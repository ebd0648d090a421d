import { DecodeError, type Reader } from '../base/bytes.ts'
import { type Mac, macBytes, macFromBytes } from '../base/mac.ts'
import type { OptionCodec } from './option-codec.ts'

/** The Ethernet address of the sender. RFC 4861 section 4.6.1. */
export interface SourceLinkLayerAddress {
  readonly mac: Mac
}

export const sourceLinkLayerAddress: OptionCodec<SourceLinkLayerAddress> = {
  type: 1,
  encode: ({ mac }, out) => void out.bytes(macBytes(mac)),
  decode: body => ({ mac: readMac(body) }),
}

/** The body of a link-layer address option on Ethernet: six octets. RFC 2464 section 6. */
export function readMac(body: Reader): Mac {
  if (body.left !== 6) throw new DecodeError(`an Ethernet address in ${body.left} octets`)
  return macFromBytes(body.bytes(6))
}
