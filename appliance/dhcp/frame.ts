import { DecodeError, Reader, Writer } from '../base/bytes.ts'
import { checksum } from '../base/checksum.ts'
import { bytesOf, fromBytes, type Ip6, isMulticast } from '../base/ip6.ts'
import { type Mac, macBytes, macFromBytes, multicastMac } from '../base/mac.ts'

/** A UDP datagram with the frame around it. RFC 2464 section 3. */
export interface Datagram {
  readonly sender: Mac
  readonly source: Ip6
  readonly destination: Ip6
  readonly sourcePort: number
  readonly destinationPort: number
  readonly bytes: Uint8Array
}

const etherType = 0x86dd
const udp = 17

/** The whole Ethernet frame of a datagram to a multicast group, hop limit 1. */
export function encodeFrame({ sender, source, destination, sourcePort, destinationPort, bytes }: Datagram): Uint8Array {
  if (!isMulticast(destination)) throw new RangeError('not a multicast destination')
  const length = 8 + bytes.length
  const header = (sum: number) =>
    new Writer().u16(sourcePort).u16(destinationPort).u16(length).u16(sum).bytes(bytes).take()
  const sum = checksum(source, destination, udp, header(0)) || 0xffff // 0 means none, RFC 8200 section 8.1
  const out = new Writer(54 + length)
  out
    .bytes(macBytes(multicastMac(destination)))
    .bytes(macBytes(sender))
    .u16(etherType)
  out.u32(0x6000_0000).u16(length).u8(udp).u8(1).bytes(bytesOf(source)).bytes(bytesOf(destination))
  return out.bytes(header(sum)).take()
}

/**
 * The datagram in a frame. Throws a DecodeError on anything else. The checksum is not looked at: between virtual machines the card
 * is to fill it in, and never does.
 */
export function decodeFrame(frame: Uint8Array): Datagram {
  const body = new Reader(frame)
  const sender = macFromBytes(body.skip(6).bytes(6))
  if (body.u16() !== etherType || body.u32() >>> 28 !== 6) throw new DecodeError('not an IPv6 packet')
  const length = body.u16()
  const next = body.u8()
  const source = fromBytes(body.skip(1).bytes(16))
  const destination = fromBytes(body.bytes(16))
  const payload = body.bytes(length)
  if (next !== udp) throw new DecodeError('not a UDP datagram')
  const inner = new Reader(payload)
  const sourcePort = inner.u16()
  const destinationPort = inner.u16()
  const size = inner.u16()
  return { sender, source, destination, sourcePort, destinationPort, bytes: inner.skip(2).bytes(size - 8) }
}
