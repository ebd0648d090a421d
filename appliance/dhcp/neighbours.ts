/**
 * Who a client is on the link. UDP doesn't say which MAC a datagram came from, and the MAC is what tells a copied host from the
 * original: so it is read from the source address, or asked for by neighbour solicitation.
 */
import { DecodeError, Reader, Writer } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { bytesOf, fromBytes, type Ip6, isLinkLocal, solicitedNode } from '../base/ip6.ts'
import { type Mac, macBytes, macFromBytes } from '../base/mac.ts'
import type { IcmpIn, IcmpOut } from './socket.ts'

const patience = 300 // milliseconds that a host has to answer, design value
const resend = 120 // in case the first solicitation or its answer was lost
const mostWaiting = 256 // a stranger may use any source address
const mostKnown = 4096
const remembered = 300_000 // a link-local address seldom changes its MAC; a probe is what settles it

interface Waiting {
  readonly target: Ip6
  readonly wanted: Mac | undefined // undefined: any answer will do
  readonly done: (mac: Mac | undefined) => void
  readonly timers: NodeJS.Timeout[]
}

export class Neighbours {
  readonly #mac: Mac
  readonly #linkLocal: Ip6
  readonly #send: (messages: readonly IcmpOut[]) => void
  readonly #clock: Clock
  readonly #waiting = new Set<Waiting>()
  readonly #known = new Map<Ip6, { readonly mac: Mac; readonly until: number }>()

  constructor(options: {
    readonly mac: Mac
    readonly linkLocal: Ip6
    readonly send: (messages: readonly IcmpOut[]) => void
    readonly clock: Clock
  }) {
    this.#mac = options.mac
    this.#linkLocal = options.linkLocal
    this.#send = options.send
    this.#clock = options.clock
  }

  /** Whether another question may be asked now. */
  get hasRoom(): boolean {
    return this.#waiting.size < mostWaiting
  }

  /** The MAC of a host, without asking. */
  known(address: Ip6): Mac | undefined {
    const entry = this.#known.get(address)
    if (entry && entry.until > this.#clock.monotonic()) return entry.mac
    return macOfInterfaceId(address)
  }

  /** Asks the LAN who has the address; `done` gets undefined where nobody answers in time. With `wanted`, only that MAC counts. */
  ask(target: Ip6, wanted: Mac | undefined, done: (mac: Mac | undefined) => void): void {
    const solicitation: IcmpOut = {
      bytes: this.#solicitation(target),
      source: this.#linkLocal,
      destination: solicitedNode(target),
    }
    const entry: Waiting = {
      target,
      wanted,
      done,
      timers: [
        setTimeout(() => this.#send([solicitation]), resend),
        setTimeout(() => this.#settle(entry, undefined), patience),
      ],
    }
    this.#waiting.add(entry)
    this.#send([solicitation])
  }

  /** Neighbour advertisements that arrived. Calls those who wait for them. */
  hear(batch: readonly IcmpIn[]): void {
    for (const message of batch) {
      const heard = decodeAdvertisement(message)
      if (!heard) continue
      for (const entry of this.#waiting) {
        if (entry.target !== heard.target) continue
        if (entry.wanted === undefined) this.#remember(heard.target, heard.mac)
        if (entry.wanted === undefined || entry.wanted === heard.mac) this.#settle(entry, heard.mac)
      }
    }
  }

  /** Nobody is called any more. */
  stop(): void {
    for (const { timers } of this.#waiting) for (const timer of timers) clearTimeout(timer)
    this.#waiting.clear()
  }

  #settle(entry: Waiting, mac: Mac | undefined): void {
    this.#waiting.delete(entry)
    for (const timer of entry.timers) clearTimeout(timer)
    entry.done(mac)
  }

  #remember(address: Ip6, mac: Mac): void {
    const oldest = this.#known.keys().next().value
    if (this.#known.size >= mostKnown && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(address, { mac, until: this.#clock.monotonic() + remembered })
  }

  /** A neighbour solicitation with our link-layer address. RFC 4861 section 4.3. */
  #solicitation(target: Ip6): Uint8Array {
    const out = new Writer(32)
    out.u8(135).u8(0).u16(0).u32(0).bytes(bytesOf(target))
    return out.u8(1).u8(1).bytes(macBytes(this.#mac)).take()
  }
}

/** Who has which address, or undefined where the message doesn't say it or isn't valid. RFC 4861 section 7.1.2. */
function decodeAdvertisement({ bytes, hopLimit }: IcmpIn): { readonly target: Ip6; readonly mac: Mac } | undefined {
  if (hopLimit !== 255) return undefined
  try {
    const body = new Reader(bytes)
    if (body.u8() !== 136 || body.u8() !== 0) return undefined
    const target = fromBytes(body.skip(6).bytes(16))
    let mac: Mac | undefined
    while (body.left > 0) {
      const type = body.u8()
      const units = body.u8()
      const option = body.bytes(units * 8 - 2)
      if (type === 2 && units === 1) mac = macFromBytes(option)
    }
    return mac === undefined ? undefined : { target, mac }
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

/** The MAC that a link-local address was made of, where it was. RFC 4291 appendix A. */
export function macOfInterfaceId(address: Ip6): Mac | undefined {
  const bytes = bytesOf(address)
  if (!isLinkLocal(address) || bytes[11] !== 0xff || bytes[12] !== 0xfe) return undefined
  return macFromBytes(Uint8Array.of(bytes[8]! ^ 2, bytes[9]!, bytes[10]!, bytes[13]!, bytes[14]!, bytes[15]!))
}
