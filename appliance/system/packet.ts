import type { Endpoint, FrameIn, FrameOut, Instruction, LinkRef, SendFailure } from './endpoint.ts'
import { addressOf } from './libc.ts'
import { BatchEndpoint, configured, type Dialect, Socket, so } from './socket.ts'

/** linux/if_packet.h */
const packet = {
  level: 263,
  ADD_MEMBERSHIP: 1,
  IGNORE_OUTGOING: 23,
  MR_ALLMULTI: 2,
  OTHERHOST: 3,
  OUTGOING: 4,
} as const

/** struct sockaddr_ll: sll_family 0, sll_protocol 2 (big-endian), sll_ifindex 4, sll_hatype 8, sll_pkttype 10, sll_halen 11. */
const sockaddrSize = 20
const nobodys = 0x88b5 // an EtherType for local experiments, IEEE 802: the kernel can't be told to hear nothing any more
const slots = 32
const longest = 16_384 // the longest jumbo frames; longer ones (from segmentation offload) are dropped

/**
 * An AF_PACKET socket on one link for one EtherType, with an optional classic BPF filter. `allMulticast` makes the card pass all
 * multicast frames while the socket is open. Frames that the link saw but that are for another host (promiscuous mode), or that came
 * in a VLAN of the link, are dropped. `answersWithin` makes it hear only so many milliseconds after it has sent something. Throws a
 * KernelError.
 */
export function openPacket(options: {
  readonly link: LinkRef
  readonly etherType: number
  readonly filter?: readonly Instruction[]
  readonly allMulticast?: boolean
  readonly outgoing?: boolean
  readonly receiveBuffer?: number
  readonly answersWithin?: number
}): Endpoint<FrameIn, FrameOut> {
  const { link, answersWithin } = options
  const etherType = answersWithin === undefined ? options.etherType : nobodys
  // Protocol 0 hears nothing, so that no frame passes before the filter stands.
  const socket = configured(new Socket(so.AF_PACKET, so.SOCK_RAW, 0, link.name), s => {
    if (options.filter) attachFilter(s, options.filter)
    if (!options.outgoing) s.trySet(packet.level, packet.IGNORE_OUTGOING, 1)
    s.receiveBuffer(options.receiveBuffer ?? 1 << 20)
    s.bind(linkAddress(link, etherType))
    if (options.allMulticast) joinAllMulticast(s, link)
  })

  const dialect: Dialect<FrameIn, FrameOut> = {
    receive: { slots, size: longest, name: sockaddrSize, control: 0 },
    transmit: { slots, size: longest, name: 0, control: 0 },
    read(vector, i, frame) {
      const name = vector.name(i)
      if (name.getInt32(4, true) !== link.index) return undefined // of a VLAN on this link: its tag is gone already
      const kind = name.getUint8(10)
      const outgoing = kind === packet.OUTGOING
      return kind === packet.OTHERHOST || (outgoing && !options.outgoing) ? undefined : { frame, outgoing }
    },
    write: (vector, i, { frame }) => vector.fill(i, frame, 0),
  }
  if (answersWithin === undefined) return new BatchEndpoint(socket, dialect)
  const hear = (hears: boolean) => {
    try {
      socket.bind(linkAddress(link, hears ? options.etherType : nobodys))
    } catch {
      // the link is gone, and with it everything that could be heard
    }
  }
  return new Asking(socket, dialect, hear, answersWithin)
}

/**
 * Hears only for a while after it has sent. A socket that hears an EtherType makes the kernel clone every frame of it, whatever its
 * filter says: that costs a router of IPv6 a third of its packets.
 */
class Asking extends BatchEndpoint<FrameIn, FrameOut> {
  readonly #hear: (hears: boolean) => void
  readonly #answersWithin: number
  #end: NodeJS.Timeout | undefined

  constructor(
    socket: Socket,
    dialect: Dialect<FrameIn, FrameOut>,
    hear: (hears: boolean) => void,
    answersWithin: number,
  ) {
    super(socket, dialect)
    this.#hear = hear
    this.#answersWithin = answersWithin
  }

  override send(batch: readonly FrameOut[]): readonly SendFailure[] {
    if (this.#end === undefined) this.#hear(true)
    clearTimeout(this.#end)
    this.#end = setTimeout(() => {
      this.#end = undefined
      this.#hear(false)
    }, this.#answersWithin).unref()
    return super.send(batch)
  }

  override close(): void {
    clearTimeout(this.#end)
    super.close()
  }
}

function linkAddress(link: LinkRef, etherType: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(sockaddrSize))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, so.AF_PACKET, true)
  view.setUint16(2, etherType)
  view.setInt32(4, link.index, true)
  return bytes
}

/** struct sock_fprog: the count, then a pointer to instructions of 8 octets each, which the kernel copies. */
function attachFilter(socket: Socket, filter: readonly Instruction[]): void {
  const header = 16
  const bytes = new Uint8Array(new ArrayBuffer(header + filter.length * 8)) // one buffer, so that neither goes before the other
  const view = new DataView(bytes.buffer)
  view.setUint16(0, filter.length, true)
  view.setBigUint64(8, addressOf(bytes) + BigInt(header), true)
  filter.forEach(({ code, jt, jf, k }, i) => {
    const at = header + i * 8
    view.setUint16(at, code, true)
    view.setUint8(at + 2, jt)
    view.setUint8(at + 3, jf)
    view.setUint32(at + 4, k, true)
  })
  socket.set(so.SOL_SOCKET, so.SO_ATTACH_FILTER, bytes.subarray(0, header), 'attach a filter on')
}

/** struct packet_mreq: the link as an int, then the type; no address for all-multicast. */
function joinAllMulticast(socket: Socket, link: LinkRef): void {
  const request = new Uint8Array(new ArrayBuffer(16))
  const view = new DataView(request.buffer)
  view.setInt32(0, link.index, true)
  view.setUint16(4, packet.MR_ALLMULTI, true)
  socket.set(packet.level, packet.ADD_MEMBERSHIP, request, 'receive all multicast on')
}
