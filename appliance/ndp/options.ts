/**
 * Neighbour discovery options: the table of those we know, and how any list of them is written and read. A new option is one
 * file and one row. Options come in any order, may repeat, and are skipped when unknown. RFC 4861 section 9.
 */
import { DecodeError, type Reader, Writer } from '../base/bytes.ts'
import { dnssl } from './dnssl.ts'
import { mtu } from './mtu.ts'
import type { OptionCodec } from './option-codec.ts'
import { prefixInformation } from './prefix-information.ts'
import { rdnss } from './rdnss.ts'
import { routeInformation } from './route-information.ts'
import { sourceLinkLayerAddress } from './source-link-layer-address.ts'
import { targetLinkLayerAddress } from './target-link-layer-address.ts'

const codecs = {
  'source-link-layer-address': sourceLinkLayerAddress,
  'target-link-layer-address': targetLinkLayerAddress,
  'prefix-information': prefixInformation,
  mtu,
  'route-information': routeInformation,
  rdnss,
  dnssl,
} as const

export type OptionKind = keyof typeof codecs
type ValueOf<Codec> = Codec extends OptionCodec<infer Value> ? Value : never
export type OptionOf<Kind extends OptionKind> = { readonly kind: Kind } & ValueOf<(typeof codecs)[Kind]>
export type Option = { [Kind in OptionKind]: OptionOf<Kind> }[OptionKind]

const kinds = new Map(Object.entries(codecs).map(([kind, { type }]) => [type, kind as OptionKind]))

/** The whole option, type and length octets included. Throws a RangeError for a value that no option can carry. */
export function encodeOption(option: Option): Uint8Array {
  const out = new Writer(64)
  const codec = codecs[option.kind] as OptionCodec<Option>
  codec.encode(option, out.u8(codec.type).u8(0))
  if (out.length % 8 !== 0 || out.length > 255 * 8) throw new RangeError(`${option.kind} of ${out.length} octets`)
  return out.patch8(1, out.length / 8).take()
}

/**
 * Every option in `body` that we know and that belongs to the message: what the message isn't specified to carry is ignored,
 * well formed or not. Throws a DecodeError for a length of 0, or one past the end. RFC 4861 section 6.1.1.
 */
export function decodeOptions(body: Reader, wanted: readonly OptionKind[]): Option[] {
  const options: Option[] = []
  while (body.left > 0) {
    const type = body.u8()
    const length = body.u8()
    if (length === 0) throw new DecodeError(`option ${type} of length 0`)
    const content = body.sub(length * 8 - 2)
    const kind = kinds.get(type)
    if (kind === undefined || !wanted.includes(kind)) continue
    const value = codecs[kind].decode(content)
    if (value !== undefined) options.push({ kind, ...value } as Option)
  }
  return options
}

/** The options of one kind, in the order they came. */
export function optionsOf<Kind extends OptionKind>(options: readonly Option[], kind: Kind): OptionOf<Kind>[] {
  return options.filter((option): option is Extract<Option, OptionOf<Kind>> => option.kind === kind)
}
