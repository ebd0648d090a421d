import { type Mac, macBytes } from '../base/mac.ts'
import type { OptionCodec } from './option-codec.ts'
import { readMac } from './source-link-layer-address.ts'

/** The Ethernet address of the target. RFC 4861 section 4.6.1. */
export interface TargetLinkLayerAddress {
  readonly mac: Mac
}

export const targetLinkLayerAddress: OptionCodec<TargetLinkLayerAddress> = {
  type: 2,
  encode: ({ mac }, out) => void out.bytes(macBytes(mac)),
  decode: body => ({ mac: readMac(body) }),
}
