import { DecodeError, fromHex, toHex } from '../base/bytes.ts'
import { type Mac, macFromBytes } from '../base/mac.ts'

declare const brand: unique symbol

/**
 * A DHCP unique identifier as lower-case hex with colons, its two octets of type included. Opaque: only compared. RFC 9915
 * section 11.
 */
export type Duid = string & { readonly [brand]: 'Duid' }

const shortest = 3 // two octets of type and at least one more, RFC 9915 section 11.1
const longest = 130

/** Throws a DecodeError where the length is not that of a DUID. */
export function duidFromBytes(bytes: Uint8Array): Duid {
  if (bytes.length < shortest || bytes.length > longest) throw new DecodeError(`a DUID of ${bytes.length} octets`)
  return toHex(bytes, ':') as Duid
}

/** Throws a DecodeError on anything but pairs of hex digits. */
export function parseDuid(text: string): Duid {
  return duidFromBytes(fromHex(text))
}

export function duidBytes(duid: Duid): Uint8Array {
  const bytes = new Uint8Array((duid.length + 1) / 3)
  writeDuid(duid, bytes)
  return bytes
}

/** Writes its octets into `out`, which must hold 130, and returns how many they are. */
export function writeDuid(duid: Duid, out: Uint8Array): number {
  let length = 0
  for (let i = 0; i < duid.length; i += 3)
    out[length++] = (hexDigit(duid.charCodeAt(i)) << 4) | hexDigit(duid.charCodeAt(i + 1))
  return length
}
/** The value of a lower-case hex digit, by its character code. */
export const hexDigit = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57)

/** A DUID-UUID: type 4 and 16 octets. RFC 6355 section 4. */
export function duidUuid(uuid: Uint8Array): Duid {
  if (uuid.length !== 16) throw new RangeError(`a UUID of ${uuid.length} octets`)
  return `00:04:${toHex(uuid, ':')}` as Duid
}

/**
 * The MAC inside a DUID-LLT or DUID-LL on Ethernet, for display: a host sends it on all its cards, and a cloned host sends that
 * of another. RFC 9915 section 11.2.
 */
export function macOfDuid(duid: Duid): Mac | undefined {
  const bytes = duidBytes(duid)
  const type = (bytes[0]! << 8) | bytes[1]!
  const ethernet = bytes[2] === 0 && bytes[3] === 1
  if (type === 1 && ethernet && bytes.length === 14) return macFromBytes(bytes.subarray(8))
  if (type === 3 && ethernet && bytes.length === 10) return macFromBytes(bytes.subarray(4))
  return undefined
}
