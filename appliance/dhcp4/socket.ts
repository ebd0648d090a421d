/** The sockets of one LAN's DHCPv4 server, and their shapes for tests that bring their own. */
import type { Endpoint, FrameIn, FrameOut, Instruction, LinkRef } from '../system/endpoint.ts'
import { openPacket } from '../system/packet.ts'
import { holdPort } from '../system/udp4.ts'
import { clientPort, etherTypes, serverPort } from './frame.ts'

export type { FrameIn, LinkRef }

export interface Sockets4 extends Disposable {
  /** UDP to servers and to clients. */
  readonly datagrams: Endpoint<FrameIn, FrameOut>
  /** Probes for addresses, and what comes back; it hears nothing else. */
  readonly arp: Endpoint<FrameIn, FrameOut>
}

const answersWithin = 2_000 // ms after a probe, longer than anybody waits for them

/** Throws a KernelError: EADDRINUSE where another DHCPv4 server runs on this machine. */
export function openSockets4(link: LinkRef): Sockets4 {
  using opened = new DisposableStack()
  opened.use(holdPort(link, serverPort))
  const datagrams = opened.use(openPacket({ link, etherType: etherTypes.ipv4, filter: toServersAndClients }))
  const arp = opened.use(openPacket({ link, etherType: etherTypes.arp, answersWithin }))
  const kept = opened.move()
  return { datagrams, arp, [Symbol.dispose]: () => kept.dispose() }
}

// Classic BPF, linux/bpf_common.h. Octets are counted from the start of the frame; X is the length of the IPv4 header.
const octet = (k: number): Instruction => ({ code: 0x30, jt: 0, jf: 0, k })
const word = (k: number): Instruction => ({ code: 0x28, jt: 0, jf: 0, k })
const wordBehindHeader = (k: number): Instruction => ({ code: 0x48, jt: 0, jf: 0, k })
const headerLength = (k: number): Instruction => ({ code: 0xb1, jt: 0, jf: 0, k })
const ifEqual = (k: number, jt: number, jf: number): Instruction => ({ code: 0x15, jt, jf, k })
const ifAnyBit = (k: number, jt: number, jf: number): Instruction => ({ code: 0x45, jt, jf, k })
const pass = (k: number): Instruction => ({ code: 0x06, jt: 0, jf: 0, k })

/** UDP, the first fragment or whole, to port 67 or 68. */
const toServersAndClients: readonly Instruction[] = [
  octet(23),
  ifEqual(17, 0, 7),
  word(20),
  ifAnyBit(0x1fff, 5, 0),
  headerLength(14),
  wordBehindHeader(16),
  ifEqual(serverPort, 1, 0),
  ifEqual(clientPort, 0, 1),
  pass(65_535),
  pass(0),
]
