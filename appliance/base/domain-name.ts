import { DecodeError, type Reader, type Writer } from './bytes.ts'

const longestLabel = 63 // RFC 1035 section 2.3.4
const longestName = 255

/** Writes a name as labels, uncompressed, with the root label at its end unless it is `partial`. RFC 9915 section 10. */
export function encodeName(name: string, out: Writer, partial = false): void {
  const begin = out.length
  for (const label of labelsOf(name)) {
    if (label.length === 0 || label.length > longestLabel) throw new RangeError(`${name} is not a domain name`)
    out.u8(label.length)
    for (let i = 0; i < label.length; i++) out.u8(label.charCodeAt(i))
  }
  if (!partial) out.u8(0)
  if (out.length - begin > longestName) throw new RangeError(`${name} is longer than a domain name may be`)
}

const labelsOf = (name: string): string[] => (name === '' ? [] : name.replace(/\.$/, '').split('.'))

/**
 * Reads one name, an octet a character, without its last dot; the root is ''. A name that stops without a root label is `partial`,
 * as a client FQDN may be.
 */
export function decodeName(body: Reader): { readonly name: string; readonly partial: boolean } {
  let name = ''
  let length = 1
  while (body.left > 0) {
    const size = body.u8()
    if (size === 0) return { name, partial: false }
    if (size > longestLabel) throw new DecodeError(`a label of ${size} octets in a domain name`)
    length += 1 + size
    if (length > longestName) throw new DecodeError('a domain name of more than 255 octets')
    const label = String.fromCharCode(...body.bytes(size))
    if (label.includes('.')) throw new DecodeError('a dot inside a label of a domain name')
    name = name === '' ? label : `${name}.${label}`
  }
  return { name, partial: true }
}

/** A name that is safe to show and to serve: letters, digits, hyphens and dots; else undefined. RFC 1123 section 2.1. */
export function hostName(name: string): string | undefined {
  const lower = name.toLowerCase()
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
  return lower.length <= longestName && lower.split('.').every(part => label.test(part)) ? lower : undefined
}

/**
 * What can be made of a name that a host gives itself: in each label letters, digits and hyphens, everything else a hyphen; undefined
 * where nothing is left of it. RFC 1123 section 2.1.
 */
export function ldhName(name: string): string | undefined {
  const labels = name
    .toLowerCase()
    .split('.')
    .map(label =>
      label
        .replace(/[^a-z0-9]+/g, '-')
        .slice(0, longestLabel)
        .replace(/^-|-$/g, ''),
    )
  return hostName(labels.filter(label => label !== '').join('.'))
}
