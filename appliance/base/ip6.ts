import { DecodeError } from './bytes.ts'

declare const brand: unique symbol

/** An IPv6 address as an unsigned 128-bit integer. Text exists only at the edges. */
export type Ip6 = bigint & { readonly [brand]: 'Ip6' }

/** An IPv6 prefix; bits after `length` are zero. */
export interface Prefix {
  readonly address: Ip6
  readonly length: number
}

const groupPattern = /^[0-9a-f]{1,4}$/i

export const unspecified = 0n as Ip6
export const allNodes = parseIp6('ff02::1') // RFC 4291 section 2.7.1
export const allRouters = parseIp6('ff02::2') // RFC 4291 section 2.7.1

/** RFC 4291 section 2.2 text to an address. Throws a DecodeError that quotes the text; zone suffixes are refused. */
export function parseIp6(text: string): Ip6 {
  const refuse = () => new DecodeError(`${text} is not an IPv6 address`)
  const halves = expandDotted(text).split('::')
  if (halves.length > 2) throw refuse()
  const groups = (half: string | undefined) => (half === undefined || half === '' ? [] : half.split(':'))
  const head = groups(halves[0])
  const tail = groups(halves[1])
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) throw refuse()

  let value = 0n
  for (const group of [...head, ...Array<string>(halves.length === 1 ? 0 : missing).fill('0'), ...tail]) {
    if (!groupPattern.test(group)) throw refuse()
    value = (value << 16n) | BigInt(Number.parseInt(group, 16))
  }
  return value as Ip6
}

/** The dotted form of the last 32 bits (`::ffff:192.0.2.1`) as two groups; other text as it is. RFC 4291 section 2.2. */
function expandDotted(text: string): string {
  const dotted = /^(.*:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (!dotted) return text
  const octets = dotted.slice(2).map(Number)
  if (octets.some((octet, i) => octet > 255 || String(octet) !== dotted[i + 2])) return text
  const [a, b, c, d] = octets as [number, number, number, number]
  return `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

/** The one canonical text of an address: lower case, longest run of zero groups shortened. RFC 5952 section 4. */
export function formatIp6(address: Ip6): string {
  const groups: number[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((address >> shift) & 0xffffn))

  let best = { start: -1, length: 1 } // a single zero group is not shortened
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
    start += length
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map(group => group.toString(16))
      .join(':')
  return best.start < 0 ? text(0, 8) : `${text(0, best.start)}::${text(best.start + best.length, 8)}`
}

/** The 16 octets of an address, in network order. */
export function bytesOf(address: Ip6): Uint8Array {
  scratch.setBigUint64(0, address >> 64n)
  scratch.setBigUint64(8, BigInt.asUintN(64, address))
  return new Uint8Array(octets)
}
const octets = new Uint8Array(16)
const scratch = new DataView(octets.buffer)

/** 16 octets in network order to an address. Throws a DecodeError on any other count. */
export function fromBytes(bytes: Uint8Array): Ip6 {
  if (bytes.length !== 16) throw new DecodeError(`an IPv6 address in ${bytes.length} octets`)
  octets.set(bytes)
  return ((scratch.getBigUint64(0) << 64n) | scratch.getBigUint64(8)) as Ip6
}

const masks = Array.from({ length: 129 }, (_, length) => ((1n << BigInt(length)) - 1n) << BigInt(128 - length))

/** The netmask of a prefix length, 0 to 128. */
export function mask(length: number): bigint {
  const value = masks[length]
  if (value === undefined) throw new DecodeError(`/${length} is not a prefix length of IPv6`)
  return value
}

/** A prefix from an address and a length, with the bits after the length cleared. */
export function prefixOf(address: Ip6, length: number): Prefix {
  return { address: (address & mask(length)) as Ip6, length }
}

/** `fc9c:56c2:e300::/40` to a Prefix. Throws a DecodeError, also where bits after the length are set. */
export function parsePrefix(text: string): Prefix {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  if (!match || Number(match[2]) > 128) throw new DecodeError(`${text} is not an IPv6 prefix`)
  const address = parseIp6(match[1]!)
  const length = Number(match[2])
  if ((address & mask(length)) !== address) throw new DecodeError(`${text} has bits set after its first ${length}`)
  return { address, length }
}

export function formatPrefix({ address, length }: Prefix): string {
  return `${formatIp6(address)}/${length}`
}

/** Whether `inner`, an address or a whole prefix, lies in `outer`. */
export function contains(outer: Prefix, inner: Ip6 | Prefix): boolean {
  if (typeof inner === 'bigint') return (inner & mask(outer.length)) === outer.address
  return inner.length >= outer.length && (inner.address & mask(outer.length)) === outer.address
}

export function equalPrefix(a: Prefix, b: Prefix): boolean {
  return a.address === b.address && a.length === b.length
}

/** The address `offset` after the first of the prefix. */
export function addressIn(prefix: Prefix, offset: bigint): Ip6 {
  return (prefix.address + offset) as Ip6
}

/** The two halves of a prefix, each one bit longer. */
export function halves({ address, length }: Prefix): readonly [Prefix, Prefix] {
  const half = 1n << BigInt(127 - length)
  return [
    { address, length: length + 1 },
    { address: (address + half) as Ip6, length: length + 1 },
  ]
}

export const isMulticast = (address: Ip6): boolean => address >> 120n === 0xffn // RFC 4291 section 2.7
export const isLinkLocal = (address: Ip6): boolean => address >> 118n === 0x3fan // fe80::/10, RFC 4291 section 2.5.6

/** The group in which the holder of an address hears solicitations for it. RFC 4291 section 2.7.1. */
export function solicitedNode(address: Ip6): Ip6 {
  return (solicitedNodePrefix | (address & 0xff_ffffn)) as Ip6
}
const solicitedNodePrefix = parseIp6('ff02::1:ff00:0')
