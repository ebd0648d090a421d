/** The sockets of one LAN's DHCPv6 server, and their shapes for tests that bring their own. */
import { type Ip6, parseIp6 } from '../base/ip6.ts'
import { listeners } from '../system/addresses.ts'
import type {
  Endpoint,
  FrameIn,
  FrameOut,
  IcmpIn,
  IcmpOut,
  Instruction,
  LinkRef,
  UdpIn,
  UdpOut,
} from '../system/endpoint.ts'
import { openIcmp } from '../system/icmp6.ts'
import { openPacket } from '../system/packet.ts'
import { openUdp } from '../system/udp.ts'

export type { FrameIn, IcmpIn, IcmpOut, LinkRef, UdpIn, UdpOut }

export const serverPort = 547 // RFC 9915 section 7.2
export const clientPort = 546
export const allServers: Ip6 = parseIp6('ff02::1:2') // All_DHCP_Relay_Agents_and_Servers, RFC 9915 section 7.1

export const allRelayedServers: Ip6 = parseIp6('ff05::1:3') // All_DHCP_Servers, of relays; RFC 9915 section 7.1

export interface Sockets {
  /** What clients and relays send to all servers, relays also to us alone, and our answers. */
  readonly datagrams: Endpoint<UdpIn, UdpOut> & { readonly overflowed?: number }
  /** Neighbour solicitations of ours and the advertisements that come back. */
  readonly neighbours: Endpoint<IcmpIn, IcmpOut>
  /** Frames to DHCPv6 clients: what other servers say to us. A tap, so that a client on this machine keeps its port to itself. */
  readonly frames: Endpoint<FrameIn, FrameOut>
  /** Whether somebody else on this machine hears what hosts of the LAN send to all servers. */
  readonly shared?: () => boolean
}

export type FrameSocket = Sockets['frames']

const answersWithin = 10_000 // ms after a question, far longer than any server takes

/** Only what other servers say to clients, while we ask. Throws a KernelError. */
export function openFrames(link: LinkRef): FrameSocket {
  return openPacket({ link, etherType: 0x86dd, filter: toClients, answersWithin })
}

const neighbourAdvertisement = 136

/** Throws a KernelError: EADDRINUSE where another DHCPv6 server runs on this machine. */
export function openSockets(link: LinkRef): Sockets {
  const opened: Disposable[] = []
  const keep = <T extends Disposable>(endpoint: T): T => {
    opened.push(endpoint)
    return endpoint
  }
  try {
    return {
      datagrams: keep(
        openUdp({ link, port: serverPort, groups: [allServers, allRelayedServers], receiveBuffer: 4 << 20 }),
      ),
      neighbours: keep(openIcmp({ link, types: [neighbourAdvertisement], groups: [] })),
      frames: keep(openFrames(link)),
      shared: () => listeners(link.index, allServers) > 1,
    }
  } catch (error) {
    for (const endpoint of opened) endpoint[Symbol.dispose]()
    throw error
  }
}

// Classic BPF, linux/bpf_common.h: load an octet or two at a fixed place of the frame, compare, return how much to keep.
const octet = (k: number): Instruction => ({ code: 0x30, jt: 0, jf: 0, k })
const word = (k: number): Instruction => ({ code: 0x28, jt: 0, jf: 0, k })
const unless = (k: number, jf: number): Instruction => ({ code: 0x15, jt: 0, jf, k })
const pass = (k: number): Instruction => ({ code: 0x06, jt: 0, jf: 0, k })

/** IPv6, its next header UDP, to port 546. */
const toClients: readonly Instruction[] = [
  octet(20),
  unless(17, 3),
  word(56),
  unless(clientPort, 1),
  pass(65_535),
  pass(0),
]
