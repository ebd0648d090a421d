import { readFileSync } from 'node:fs'
import { fromBytes, type Ip6 } from '../../appliance/base/ip6.ts'
import { type Mac, macFromBytes } from '../../appliance/base/mac.ts'

/** The Ethernet frames of a capture, classic pcap in either byte order. */
export function readPcap(name: string): Uint8Array[] {
  const bytes = readFileSync(new URL(`../golden/captures/${name}.pcap`, import.meta.url))
  const little = bytes.readUInt32LE(0) === 0xa1b2c3d4
  if (!little && bytes.readUInt32BE(0) !== 0xa1b2c3d4) throw new Error(`${name} is not a pcap file of microseconds`)
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  if (u32(20) !== 1) throw new Error(`${name} is not a capture of Ethernet`)
  const frames: Uint8Array[] = []
  for (let at = 24; at < bytes.length; ) {
    const length = u32(at + 8)
    frames.push(new Uint8Array(bytes.subarray(at + 16, at + 16 + length)))
    at += 16 + length
  }
  return frames
}

export interface Icmp6Packet {
  readonly source: Ip6
  readonly destination: Ip6
  readonly hopLimit: number
  readonly bytes: Uint8Array // from the ICMPv6 type on
  readonly frame: Uint8Array
}

/** The ICMPv6 messages of these types, where no extension header stands before them. */
export function icmp6(frames: readonly Uint8Array[], types: readonly number[]): Icmp6Packet[] {
  return frames.flatMap(frame => {
    const isIcmp6 = frame[12] === 0x86 && frame[13] === 0xdd && frame[20] === 58
    if (!isIcmp6 || !types.includes(frame[54]!)) return []
    const length = (frame[18]! << 8) | frame[19]!
    const [source, destination] = [fromBytes(frame.subarray(22, 38)), fromBytes(frame.subarray(38, 54))]
    return [{ source, destination, hopLimit: frame[21]!, bytes: frame.subarray(54, 54 + length), frame }]
  })
}

/** A DHCPv6 datagram. */
export interface Dhcp6Packet {
  readonly mac: Mac
  readonly source: Ip6
  readonly destination: Ip6
  readonly fromClient: boolean
  readonly bytes: Uint8Array
}

/** What clients and servers say to each other in a capture. */
export function dhcp6(frames: readonly Uint8Array[]): Dhcp6Packet[] {
  return frames.flatMap(frame => {
    const isUdp = frame[12] === 0x86 && frame[13] === 0xdd && frame[20] === 17
    const ports = [(frame[54]! << 8) | frame[55]!, (frame[56]! << 8) | frame[57]!]
    if (!isUdp || !ports.includes(547)) return []
    const [source, destination] = [fromBytes(frame.subarray(22, 38)), fromBytes(frame.subarray(38, 54))]
    const mac = macFromBytes(frame.subarray(6, 12))
    return [{ mac, source, destination, fromClient: ports[1] === 547, bytes: frame.slice(62) }]
  })
}
