import { DecodeError } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Prefix, prefixOf } from '../base/ip6.ts'
import type { OptionCodec } from './option-codec.ts'

/** A prefix of the link: whether it is on-link, and whether hosts form addresses in it. RFC 4861 section 4.6.2. */
export interface PrefixInformation {
  readonly prefix: Prefix
  readonly onLink: boolean
  readonly autonomous: boolean
  readonly validLifetime: number // seconds; 0xffffffff is forever
  readonly preferredLifetime: number // seconds, never more than validLifetime
}

const onLinkFlag = 0x80
const autonomousFlag = 0x40
const bodyLength = 30 // octets; with type and length four units of 8

export const prefixInformation: OptionCodec<PrefixInformation> = {
  type: 3,

  encode({ prefix, onLink, autonomous, validLifetime, preferredLifetime }, out) {
    if (preferredLifetime > validLifetime) throw new RangeError('a preferred lifetime longer than the valid one')
    out.u8(prefix.length).u8((onLink ? onLinkFlag : 0) | (autonomous ? autonomousFlag : 0))
    out.u32(validLifetime).u32(preferredLifetime).zeros(4).bytes(bytesOf(prefix.address))
  },

  decode(body) {
    if (body.left !== bodyLength) throw new DecodeError(`a prefix information option of ${body.left + 2} octets`)
    const length = body.u8()
    const flags = body.u8()
    const validLifetime = body.u32()
    const preferredLifetime = body.u32()
    const address = fromBytes(body.skip(4).bytes(16))
    // Bits after the prefix length are the receiver's to ignore: prefixOf clears them, once, for every user.
    const prefix = prefixOf(address, length)
    if (preferredLifetime > validLifetime) return undefined // RFC 4862 section 5.5.3: ignore the option
    const onLink = (flags & onLinkFlag) !== 0
    return { prefix, onLink, autonomous: (flags & autonomousFlag) !== 0, validLifetime, preferredLifetime }
  },
}
