/** Ethernet frames around DHCPv4 messages and ARP: a host without an address can't be reached by a socket of IPv4. */
import { DecodeError, Reader, Writer } from '../base/bytes.ts'
import { ipChecksum, sumWords } from '../base/checksum.ts'
import { type Ip4, ip4Bytes, ip4FromBytes } from '../base/ip4.ts'
import { type Mac, macBytes, macFromBytes, parseMac } from '../base/mac.ts'

export const serverPort = 67 // RFC 2131 section 4.1
export const clientPort = 68
export const etherTypes = { ipv4: 0x0800, arp: 0x0806 } as const

export const everyone = parseMac('ff:ff:ff:ff:ff:ff')
const nobody = parseMac('00:00:00:00:00:00')

/** A UDP datagram in its frame. */
export interface Datagram4 {
  readonly source: { readonly mac: Mac; readonly address: Ip4; readonly port: number }
  readonly destination: { readonly mac: Mac; readonly address: Ip4; readonly port: number }
  readonly bytes: Uint8Array
}

const udp = 17
const ipHeader = 20
const udpHeader = 8
const hops = 64

/** Its checksum is not looked at: between machines of one computer it isn't there yet. Throws a DecodeError. */
export function decodeDatagram(frame: Uint8Array): Datagram4 {
  const reader = new Reader(frame)
  const to = macFromBytes(reader.bytes(6))
  const from = macFromBytes(reader.bytes(6))
  if (reader.u16() !== etherTypes.ipv4) throw new DecodeError('no frame of IPv4')
  const packet = reader.fork()
  const first = packet.u8()
  const headerSize = (first & 0x0f) * 4
  if (first >> 4 !== 4 || headerSize < ipHeader) throw new DecodeError('no header of IPv4')
  const total = packet.skip(1).u16()
  if ((packet.skip(2).u16() & 0x3fff) !== 0) throw new DecodeError('a fragment')
  if (packet.skip(1).u8() !== udp) throw new DecodeError('no UDP')
  const source = ip4FromBytes(packet.skip(2).bytes(4))
  const destination = ip4FromBytes(packet.bytes(4))
  packet.skip(headerSize - ipHeader)
  const sourcePort = packet.u16()
  const destinationPort = packet.u16()
  const length = packet.u16()
  if (length < udpHeader || headerSize + length > total) throw new DecodeError('a UDP datagram longer than its packet')
  return {
    source: { mac: from, address: source, port: sourcePort },
    destination: { mac: to, address: destination, port: destinationPort },
    bytes: packet.skip(2).bytes(length - udpHeader),
  }
}

export function encodeDatagram({ source, destination, bytes }: Datagram4): Uint8Array {
  const length = udpHeader + bytes.length
  const ip = new Writer(ipHeader)
    .u8(0x45)
    .u8(0)
    .u16(ipHeader + length)
    .u32(0)
    .u8(hops)
    .u8(udp)
    .u16(0)
    .bytes(ip4Bytes(source.address))
    .bytes(ip4Bytes(destination.address))
    .take()
  put16(ip, 10, ipChecksum(sumWords(ip)))
  const message = new Writer(length).u16(source.port).u16(destination.port).u16(length).u16(0).bytes(bytes).take()
  // The pseudo-header has the addresses, the protocol and the length. RFC 768.
  const sum = sumWords(message, sumWords(ip.subarray(12), udp + length))
  put16(message, 6, ipChecksum(sum) || 0xffff)
  return ethernet(destination.mac, source.mac, etherTypes.ipv4).bytes(ip).bytes(message).take()
}

const ethernet = (to: Mac, from: Mac, type: number) =>
  new Writer(400).bytes(macBytes(to)).bytes(macBytes(from)).u16(type)

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value
}

/** What an ARP message says of its sender, and whom it asks for. RFC 826. */
export interface Arp {
  readonly operation: 'request' | 'reply'
  readonly mac: Mac
  readonly address: Ip4
  readonly target: Ip4
}

const arpOps = { request: 1, reply: 2 } as const

/** Throws a DecodeError on anything but ARP for IPv4 on Ethernet. */
export function decodeArp(frame: Uint8Array): Arp {
  const reader = new Reader(frame).skip(14)
  if (reader.u16() !== 1 || reader.u16() !== etherTypes.ipv4 || reader.u16() !== 0x0604)
    throw new DecodeError('no ARP for IPv4 on Ethernet')
  const code = reader.u16()
  const operation = code === arpOps.request ? 'request' : code === arpOps.reply ? 'reply' : undefined
  if (!operation) throw new DecodeError(`${code} is no operation of ARP`)
  const mac = macFromBytes(reader.bytes(6))
  const address = ip4FromBytes(reader.bytes(4))
  return { operation, mac, address, target: ip4FromBytes(reader.skip(6).bytes(4)) }
}

/** Does anybody have this address? The sender names none, so that nobody's table changes. RFC 5227 section 2.1.1. */
export function encodeProbe(mac: Mac, target: Ip4): Uint8Array {
  return ethernet(everyone, mac, etherTypes.arp)
    .u16(1)
    .u16(etherTypes.ipv4)
    .u16(0x0604)
    .u16(arpOps.request)
    .bytes(macBytes(mac))
    .u32(0)
    .bytes(macBytes(nobody))
    .bytes(ip4Bytes(target))
    .take()
}
