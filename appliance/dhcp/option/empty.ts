/** Options whose presence is all that they say. */
import type { OptionCodec } from './codec.ts'

/** The client would take a Reply to its Solicit at once; in a Reply: this is one. RFC 9915 section 21.14. */
export type RapidCommit = Empty<'rapid-commit'>

/** The client would take a Reconfigure; the server means to send one where it must. RFC 9915 section 21.20. */
export type ReconfigureAccept = Empty<'reconfigure-accept'>

/** Addresses that hosts make themselves may be registered. RFC 9686 section 4.1. */
export type AddressRegistration = Empty<'address-registration'>

interface Empty<Kind extends string> {
  readonly kind: Kind
}

export const rapidCommit = empty(14, 'rapid-commit')
export const reconfigureAccept = empty(20, 'reconfigure-accept')
export const addressRegistration = empty(148, 'address-registration')

function empty<Kind extends string>(code: number, kind: Kind): OptionCodec<Empty<Kind>> {
  return { code, encode() {}, decode: () => ({ kind }) }
}
