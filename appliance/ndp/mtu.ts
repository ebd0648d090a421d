import { DecodeError } from '../base/bytes.ts'
import type { OptionCodec } from './option-codec.ts'

/** The MTU that every host of the link shall use. RFC 4861 section 4.6.4. */
export interface Mtu {
  readonly mtu: number // octets
}

export const mtu: OptionCodec<Mtu> = {
  type: 5,
  encode: ({ mtu }, out) => void out.zeros(2).u32(mtu),
  decode(body) {
    if (body.left !== 6) throw new DecodeError(`an MTU option of ${body.left + 2} octets`)
    return { mtu: body.skip(2).u32() }
  },
}
