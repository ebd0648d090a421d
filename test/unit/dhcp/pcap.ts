import { readFileSync } from 'node:fs'
import { fromBytes, type Ip6 } from '../../../appliance/base/ip6.ts'
import { type Mac, macFromBytes } from '../../../appliance/base/mac.ts'

/** A DHCPv6 datagram of a capture. */
export interface Captured {
  readonly mac: Mac
  readonly source: Ip6
  readonly fromClient: boolean
  readonly bytes: Uint8Array
}

/** The DHCPv6 datagrams of a little-endian pcap file of Ethernet frames, as tcpdump writes it. */
export function readCapture(name: string): Captured[] {
  const bytes = new Uint8Array(readFileSync(new URL(`../../golden/captures/${name}.pcap`, import.meta.url)))
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (view.getUint32(0, true) !== 0xa1b2c3d4 || view.getUint32(20, true) !== 1)
    throw new Error(`${name} is no such capture`)
  const found: Captured[] = []
  for (let at = 24; at < bytes.length; ) {
    const length = view.getUint32(at + 8, true)
    const frame = bytes.subarray(at + 16, at + 16 + length)
    at += 16 + length
    if (frame[12] !== 0x86 || frame[13] !== 0xdd || frame[20] !== 17) continue
    const ports = [(frame[54]! << 8) | frame[55]!, (frame[56]! << 8) | frame[57]!]
    if (ports[0] !== 547 && ports[1] !== 547) continue
    found.push({
      mac: macFromBytes(frame.subarray(6, 12)),
      source: fromBytes(frame.subarray(22, 38)),
      fromClient: ports[1] === 547,
      bytes: frame.slice(62),
    })
  }
  return found
}
