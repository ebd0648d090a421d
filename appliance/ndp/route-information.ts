import { DecodeError } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Prefix, prefixOf } from '../base/ip6.ts'
import type { OptionCodec } from './option-codec.ts'

/** A route hosts should reach through the router that sends it. RFC 4191 section 2.3. */
export interface RouteInformation {
  readonly prefix: Prefix
  readonly preference: Preference
  readonly lifetime: number // seconds; 0xffffffff is forever
}

export type Preference = keyof typeof preferenceBits
export const preferenceBits = { medium: 0b00, high: 0b01, low: 0b11 } as const // RFC 4191 section 2.1
/** By the two bits on the wire; 0b10 is reserved. */
export const preferences = ['medium', 'high', undefined, 'low'] as const

export const routeInformation: OptionCodec<RouteInformation> = {
  type: 24,

  encode({ prefix, preference, lifetime }, out) {
    const prefixOctets = prefix.length === 0 ? 0 : prefix.length <= 64 ? 8 : 16
    out.u8(prefix.length).u8(preferenceBits[preference] << 3)
    out.u32(lifetime).bytes(bytesOf(prefix.address).subarray(0, prefixOctets))
  },

  decode(body) {
    const length = body.u8()
    const preference = preferences[(body.u8() >> 3) & 0b11]
    const lifetime = body.u32()
    const sent = body.bytes(body.left).subarray(0, 16)
    if (length > sent.length * 8) throw new DecodeError(`/${length} route in ${sent.length * 8} bits`)
    if (preference === undefined) return undefined // reserved value: ignore the option, not the message

    // The receiver ignores bits after the prefix length (section 2.3): clear them here, once, for every user.
    const address = new Uint8Array(16)
    address.set(sent)
    return { prefix: prefixOf(fromBytes(address), length), preference, lifetime }
  },
}
