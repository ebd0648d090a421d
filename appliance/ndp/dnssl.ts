import { DecodeError, type Reader } from '../base/bytes.ts'
import { decodeName, encodeName } from '../base/domain-name.ts'
import type { OptionCodec } from './option-codec.ts'

/** The domains in which hosts look up short names, the first tried first. RFC 8106 section 5.2. */
export interface Dnssl {
  readonly names: readonly string[] // at least one; lower case, no final dot
  readonly lifetime: number // seconds; 0 withdraws, 0xffffffff is forever
}

export const dnssl: OptionCodec<Dnssl> = {
  type: 31,

  encode({ names, lifetime }, out) {
    if (names.length === 0 || names.includes('')) throw new RangeError('a list of no domains')
    const begin = out.length
    out.zeros(2).u32(lifetime)
    for (const name of names) encodeName(name.toLowerCase(), out)
    out.zeros((8 - ((out.length - begin + 2) % 8)) % 8)
  },

  decode(body) {
    const lifetime = body.skip(2).u32()
    const names: string[] = []
    while (body.left > 0) {
      const name = readName(body)
      if (name === undefined) return undefined // not a domain name: the option is worthless, the message isn't
      if (name !== '') names.push(name) // an empty name is padding
    }
    return names.length === 0 ? undefined : { names, lifetime }
  },
}

const printable = /^[\x21-\x7e]*$/

function readName(body: Reader): string | undefined {
  try {
    const { name, partial } = decodeName(body)
    return !partial && printable.test(name) ? name.toLowerCase() : undefined
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
