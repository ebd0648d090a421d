import type { Reader, Writer } from '../base/bytes.ts'
import type { OptionCodec } from './option-codec.ts'

/** The domains in which hosts look up short names, the first tried first. RFC 8106 section 5.2. */
export interface Dnssl {
  readonly names: readonly string[] // at least one; lower case, no final dot
  readonly lifetime: number // seconds; 0 withdraws, 0xffffffff is forever
}

const longestLabel = 63 // RFC 1035 section 2.3.4
const longestName = 255

export const dnssl: OptionCodec<Dnssl> = {
  type: 31,

  encode({ names, lifetime }, out) {
    if (names.length === 0) throw new RangeError('a list of no domains')
    const begin = out.length
    out.zeros(2).u32(lifetime)
    for (const name of names) writeName(name, out)
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

/** Uncompressed labels, ended by an empty one. RFC 1035 section 3.1. */
function writeName(name: string, out: Writer): void {
  const begin = out.length
  for (const label of name.toLowerCase().replace(/\.$/, '').split('.')) {
    if (!/^[\x21-\x2d\x2f-\x7e]+$/.test(label) || label.length > longestLabel)
      throw new RangeError(`${name} is not a domain name`)
    out.u8(label.length).bytes(new TextEncoder().encode(label))
  }
  out.u8(0)
  if (out.length - begin > longestName) throw new RangeError(`${name} is longer than a domain name may be`)
}

function readName(body: Reader): string | undefined {
  const labels: string[] = []
  for (let length = body.u8(); length > 0; length = body.u8()) {
    if (length > longestLabel) return undefined // a compression pointer, which may not stand here
    const label = String.fromCharCode(...body.bytes(length))
    if (!/^[\x21-\x2d\x2f-\x7e]+$/.test(label)) return undefined
    labels.push(label.toLowerCase())
  }
  const name = labels.join('.')
  return name.length + 2 > longestName ? undefined : name
}
