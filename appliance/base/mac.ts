import { DecodeError, fromHex, toHex } from './bytes.ts'
import { type Ip6, isMulticast } from './ip6.ts'

declare const brand: unique symbol

/** A 48-bit link-layer address as lower-case hex with colons, `02:89:e9:30:0c:27`. */
export type Mac = string & { readonly [brand]: 'Mac' }

/** Throws a DecodeError on anything but six pairs of hex digits with colons. */
export function parseMac(text: string): Mac {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new DecodeError(`${text} is not a MAC address`)
  return text.toLowerCase() as Mac
}

/** Throws a DecodeError on anything but 6 octets. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new DecodeError(`a MAC address in ${bytes.length} octets`)
  return toHex(bytes, ':') as Mac
}

export function macBytes(mac: Mac): Uint8Array {
  return fromHex(mac)
}

/** The Ethernet destination of an IPv6 multicast group. RFC 2464 section 7. */
export function multicastMac(group: Ip6): Mac {
  if (!isMulticast(group)) throw new RangeError('not a multicast address')
  const low = Number(group & 0xffff_ffffn)
  return macFromBytes(Uint8Array.of(0x33, 0x33, low >>> 24, low >>> 16, low >>> 8, low))
}

/** A MAC as the 48-bit number that its octets spell, and back. */
export function macNumber(mac: Mac): bigint {
  return BigInt(`0x${mac.replaceAll(':', '')}`)
}

export function macFromNumber(value: bigint): Mac {
  return macFromBytes(fromHex(value.toString(16).padStart(12, '0')))
}
