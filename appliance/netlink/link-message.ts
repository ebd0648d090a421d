import { macFromBytes } from '../base/mac.ts'
import { Attributes, encodeBody } from './codec.ts'
import type { Link } from './kernel.ts'

/** struct ifinfomsg, rtnetlink(7): family 0, type 2 (u16), index 4 (i32), flags 8, change 12. */
const headerSize = 16
const attribute = { ADDRESS: 1, IFNAME: 3, MTU: 4, EXT_MASK: 29 } as const
const flag = { UP: 1 << 0, LOOPBACK: 1 << 3, ALLMULTI: 1 << 9, LOWER_UP: 1 << 16 } as const
const ethernet = 1 // ARPHRD_ETHER
const skipStatistics = 1 << 3 // RTEXT_FILTER_SKIP_STATS

export function decodeLink(body: Buffer): Link | undefined {
  const attributes = new Attributes(body, headerSize)
  const name = attributes.text(attribute.IFNAME)
  if (name === undefined || body.readUInt8(0) !== 0) return undefined // a bridge port's own message
  const flags = body.readUInt32LE(8)
  const address = attributes.octets(attribute.ADDRESS)
  return {
    index: body.readInt32LE(4),
    name,
    mac: body.readUInt16LE(2) === ethernet && address?.length === 6 ? macFromBytes(address) : undefined,
    mtu: attributes.u32(attribute.MTU) ?? 0,
    up: (flags & flag.UP) !== 0,
    carrier: (flags & flag.LOWER_UP) !== 0,
    loopback: (flags & flag.LOOPBACK) !== 0,
    allMulticast: (flags & flag.ALLMULTI) !== 0,
  }
}

export function encodeLinkDump(): Uint8Array {
  return encodeBody(new Uint8Array(headerSize), [[attribute.EXT_MASK, skipStatistics]])
}

/** Sets or clears IFF_ALLMULTI and nothing else. */
export function encodeAllMulticast(index: number, on: boolean): Uint8Array {
  const header = Buffer.alloc(headerSize)
  header.writeInt32LE(index, 4)
  header.writeUInt32LE(on ? flag.ALLMULTI : 0, 8)
  header.writeUInt32LE(flag.ALLMULTI, 12)
  return encodeBody(header, [])
}
