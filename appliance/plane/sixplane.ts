/**
 * 6PLANE and RFC 4193 arithmetic of ZeroTier networks: from the two numbers of a node to its prefixes, addresses and MAC, and
 * back. Everything is computed; nothing is ever looked up.
 */
import { DecodeError } from '../base/bytes.ts'
import { type Ip6, mask, type Prefix } from '../base/ip6.ts'
import { type Mac, macBytes, macFromBytes } from '../base/mac.ts'

declare const networkBrand: unique symbol
declare const nodeBrand: unique symbol

/** A ZeroTier network id: 64 bits, 16 hex digits as text. */
export type NetworkId = bigint & { readonly [networkBrand]: 'NetworkId' }

/** A ZeroTier node address: 40 bits, 10 hex digits as text. */
export type NodeAddress = bigint & { readonly [nodeBrand]: 'NodeAddress' }

/** Throws a DecodeError on anything but 16 hex digits. */
export function parseNetworkId(text: string): NetworkId {
  if (!/^[0-9a-f]{16}$/i.test(text)) throw new DecodeError(`${text} is not the 16 hex digits of a ZeroTier network id`)
  return BigInt(`0x${text}`) as NetworkId
}

/** Throws a DecodeError on anything but 10 hex digits, or on an address that ZeroTier reserves (0, and ff as first octet). */
export function parseNodeAddress(text: string): NodeAddress {
  if (!/^[0-9a-f]{10}$/i.test(text))
    throw new DecodeError(`${text} is not the 10 hex digits of a ZeroTier node address`)
  const node = BigInt(`0x${text}`)
  if (node === 0n || node >> 32n === 0xffn) throw new DecodeError(`${text} is reserved and can't be a node address`)
  return node as NodeAddress
}

export const formatNetworkId = (network: NetworkId): string => network.toString(16).padStart(16, '0')
export const formatNodeAddress = (node: NodeAddress): string => node.toString(16).padStart(10, '0')

const sixplanePrefixLength = 40
const sitePrefixLength = 80
const rfc4193PrefixLength = 88

/** The /40 of a network: `fc`, then both halves of the network id xored. */
export function networkPrefix(network: NetworkId): Prefix {
  const folded = ((network >> 32n) ^ network) & 0xffff_ffffn
  return { address: (((0xfcn << 32n) | folded) << 88n) as Ip6, length: sixplanePrefixLength }
}

/** The /80 of a node: the /40, then the node address. */
export function sitePrefix(network: NetworkId, node: NodeAddress): Prefix {
  return { address: (networkPrefix(network).address | (node << 48n)) as Ip6, length: sitePrefixLength }
}

/** The address a node itself has, `::1` in its /80. ZeroTier assigns it with the length of the /40. */
export function nodeAddressOf(network: NetworkId, node: NodeAddress): Ip6 {
  return (sitePrefix(network, node).address | 1n) as Ip6
}

/** The node that owns a 6PLANE address. Total: every address of a /40 names its owner. */
export function owner(address: Ip6): NodeAddress {
  return ((address >> 48n) & 0xff_ffff_ffffn) as NodeAddress
}

/** The parts of a network's /40 that no node can own: ZeroTier gives nobody address 0, or one that begins with ff. */
export function ownerless(network: NetworkId): Prefix[] {
  const { address } = networkPrefix(network)
  return [
    { address, length: sitePrefixLength },
    { address: (address | (0xffn << 80n)) as Ip6, length: sixplanePrefixLength + 8 },
  ]
}

/** The /88 of a network in RFC 4193 mode: `fd`, the network id, `9993`. */
export function rfc4193Prefix(network: NetworkId): Prefix {
  return { address: (((0xfdn << 80n) | (network << 16n) | 0x9993n) << 40n) as Ip6, length: rfc4193PrefixLength }
}

/** The one address of a node in RFC 4193 mode. */
export function rfc4193Address(network: NetworkId, node: NodeAddress): Ip6 {
  return (rfc4193Prefix(network).address | node) as Ip6
}

/** The node that owns an address of the RFC 4193 /88. */
export function rfc4193Owner(address: Ip6): NodeAddress {
  return (address & ~mask(rfc4193PrefixLength)) as NodeAddress
}

/** The first octet of every MAC in a network: locally administered, and never 0x52, which KVM's default MACs begin with. */
function firstOctet(network: NetworkId): number {
  const octet = (Number(network & 0xffn) & 0xfe) | 0x02
  return octet === 0x52 ? 0x32 : octet
}

/** What the five octets of the node address are xored with: the octets of the network id from the second lowest upwards. */
function macMask(network: NetworkId): bigint {
  let value = 0n
  for (let shift = 8n; shift <= 40n; shift += 8n) value = (value << 8n) | ((network >> shift) & 0xffn)
  return value
}

/** The MAC that ZeroTier gives a node in a network. */
export function macOf(network: NetworkId, node: NodeAddress): Mac {
  const low = node ^ macMask(network)
  const bytes = new Uint8Array(6)
  bytes[0] = firstOctet(network)
  for (let i = 0; i < 5; i++) bytes[i + 1] = Number((low >> BigInt(32 - 8 * i)) & 0xffn)
  return macFromBytes(bytes)
}

/** The node behind a MAC, or undefined where the first octet is not the network's (a bridged host, not a member). */
export function nodeOf(network: NetworkId, mac: Mac): NodeAddress | undefined {
  const bytes = macBytes(mac)
  if (bytes[0] !== firstOctet(network)) return undefined
  let value = 0n
  for (const octet of bytes.subarray(1)) value = (value << 8n) | BigInt(octet)
  return (value ^ macMask(network)) as NodeAddress
}
