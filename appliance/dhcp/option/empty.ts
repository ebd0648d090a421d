/** Options whose presence is all that they say. */
import type { OptionCodec } from './codec.ts'

/** The client would take a Reply to its Solicit at once; in a Reply: this is one. RFC 9915 section 21.14. */
export type RapidCommit = Empty<'rapid-commit'>

interface Empty<Kind extends string> {
  readonly kind: Kind
}

export const rapidCommit = empty(14, 'rapid-commit')

function empty<Kind extends string>(code: number, kind: Kind): OptionCodec<Empty<Kind>> {
  return { code, encode() {}, decode: () => ({ kind }) }
}
