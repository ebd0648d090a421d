import { DecodeError, type Reader, type Writer } from '../base/bytes.ts'

const longestLabel = 63 // RFC 1035 section 2.3.4
const longestName = 255

/** Writes a name as labels, uncompressed, with the root label at its end unless it is `partial`. RFC 9915 section 10. */
export function encodeName(name: string, out: Writer, partial = false): void {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .map(label => new TextEncoder().encode(label))
  const length = labels.reduce((sum, label) => sum + 1 + label.length, 1)
  if (length > longestName || labels.some(label => label.length === 0 || label.length > longestLabel))
    throw new RangeError(`${name} is not a domain name`)
  for (const label of labels) out.u8(label.length).bytes(label)
  if (!partial) out.u8(0)
}

/** Reads one name, without its last dot. A name that stops without a root label is `partial`, as a client FQDN may be. */
export function decodeName(body: Reader): { readonly name: string; readonly partial: boolean } {
  const labels: string[] = []
  let length = 1
  while (body.left > 0) {
    const size = body.u8()
    if (size === 0) return { name: labels.join('.'), partial: false }
    if (size > longestLabel) throw new DecodeError(`a label of ${size} octets in a domain name`)
    length += 1 + size
    if (length > longestName) throw new DecodeError('a domain name of more than 255 octets')
    labels.push(new TextDecoder('latin1').decode(body.bytes(size)))
  }
  return { name: labels.join('.'), partial: true }
}

/** A name that is safe to show and to serve: letters, digits, hyphens and dots; else undefined. RFC 1123 section 2.1. */
export function hostName(name: string): string | undefined {
  const lower = name.toLowerCase()
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
  return lower.length <= longestName && lower.split('.').every(part => label.test(part)) ? lower : undefined
}
