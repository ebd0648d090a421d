import { bytesOf, fromBytes, type Ip6, type Prefix, prefixOf } from '../../base/ip6.ts'
import type { Nested, OptionCodec } from './codec.ts'

/** A container of addresses or of prefixes; T1 and T2 in seconds. RFC 9915 section 21.4, 21.21. */
export interface IdentityAssociation<Inner> {
  readonly iaid: number
  readonly t1: number
  readonly t2: number
  readonly options: readonly Inner[]
}

/** An address and its lifetimes in seconds, 0xffffffff for ever. RFC 9915 section 21.6. */
export interface AddressOf<Inner> {
  readonly kind: 'ia-address'
  readonly address: Ip6
  readonly preferred: number
  readonly valid: number
  readonly options: readonly Inner[]
}

/** A delegated prefix and its lifetimes in seconds. RFC 9915 section 21.22. */
export interface PrefixOf<Inner> {
  readonly kind: 'ia-prefix'
  readonly prefix: Prefix
  readonly preferred: number
  readonly valid: number
  readonly options: readonly Inner[]
}

export function identityAssociation<Kind extends 'ia-na' | 'ia-pd', Inner>(
  kind: Kind,
  code: number,
  nested: Nested<Inner>,
): OptionCodec<IdentityAssociation<Inner> & { readonly kind: Kind }> {
  return {
    code,
    encode: ({ iaid, t1, t2, options }, out) => nested.encode(options, out.u32(iaid).u32(t1).u32(t2)),
    decode: (body, depth) => ({
      kind,
      iaid: body.u32(),
      t1: body.u32(),
      t2: body.u32(),
      options: nested.decode(body, depth + 1),
    }),
  }
}

export function iaAddress<Inner>(nested: Nested<Inner>): OptionCodec<AddressOf<Inner>> {
  return {
    code: 5,
    encode: ({ address, preferred, valid, options }, out) =>
      nested.encode(options, out.bytes(bytesOf(address)).u32(preferred).u32(valid)),
    decode: (body, depth) => ({
      kind: 'ia-address',
      address: fromBytes(body.bytes(16)),
      preferred: body.u32(),
      valid: body.u32(),
      options: nested.decode(body, depth + 1),
    }),
  }
}

export function iaPrefix<Inner>(nested: Nested<Inner>): OptionCodec<PrefixOf<Inner>> {
  return {
    code: 26,
    encode: ({ prefix, preferred, valid, options }, out) =>
      nested.encode(options, out.u32(preferred).u32(valid).u8(prefix.length).bytes(bytesOf(prefix.address))),
    decode: (body, depth) => {
      const preferred = body.u32()
      const valid = body.u32()
      const length = body.u8()
      const prefix = prefixOf(fromBytes(body.bytes(16)), length)
      return { kind: 'ia-prefix', prefix, preferred, valid, options: nested.decode(body, depth + 1) }
    },
  }
}
