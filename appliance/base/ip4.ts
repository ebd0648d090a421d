import { DecodeError } from './bytes.ts'

declare const brand: unique symbol

/** An IPv4 address as an unsigned 32-bit integer. Text exists only at the edges. */
export type Ip4 = number & { readonly [brand]: 'Ip4' }

export const unspecified4 = 0 as Ip4
export const broadcast4 = 0xffff_ffff as Ip4

/** Four decimal numbers with dots, none of them with a zero in front. Throws a DecodeError that quotes the text. */
export function parseIp4(text: string): Ip4 {
  const octets = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text)?.slice(1)
  const values = octets?.map(Number)
  if (!values || values.some(value => value > 255)) throw new DecodeError(`${text} is not an IPv4 address`)
  return values.reduce((sum, value) => sum * 256 + value, 0) as Ip4
}

export const formatIp4 = (address: Ip4): string => [24, 16, 8, 0].map(shift => (address >>> shift) & 0xff).join('.')

/** Throws a DecodeError on anything but 4 octets. */
export function ip4FromBytes(bytes: Uint8Array): Ip4 {
  if (bytes.length !== 4) throw new DecodeError(`an IPv4 address in ${bytes.length} octets`)
  return bytes.reduce((sum, value) => sum * 256 + value, 0) as Ip4
}

export const ip4Bytes = (address: Ip4): Uint8Array =>
  Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address)

/** An address with the length of the prefix that is its link's, `192.168.8.1/24`. */
export interface InterfaceAddress4 {
  readonly address: Ip4
  readonly length: number
}

export const mask4 = (length: number): Ip4 => (length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0) as Ip4
export const network4 = ({ address, length }: InterfaceAddress4): Ip4 => ((address & mask4(length)) >>> 0) as Ip4
export const lastOf4 = ({ address, length }: InterfaceAddress4): Ip4 => ((address | ~mask4(length)) >>> 0) as Ip4

/** Whether a host of that link has this address: neither the network's own nor its broadcast address. RFC 1122 section 3.2.1.3. */
export function isHostOf(subnet: InterfaceAddress4, address: Ip4): boolean {
  return address > network4(subnet) && address < lastOf4(subnet)
}

/** `192.168.8.1/24`. Throws a DecodeError. */
export function parseInterfaceAddress4(text: string): InterfaceAddress4 {
  const [address, length, ...rest] = text.split('/')
  if (rest.length > 0 || !/^\d{1,2}$/.test(length ?? '') || Number(length) > 32)
    throw new DecodeError(`${text} is not an address with a prefix length, such as 192.168.8.1/24`)
  return { address: parseIp4(address!), length: Number(length) }
}

export const formatInterfaceAddress4 = ({ address, length }: InterfaceAddress4): string =>
  `${formatIp4(address)}/${length}`
