/**
 * The address plan of a site's /80. The first of the 48 host bits' six octets tells what an address is for: 00–7f the first
 * LAN, 80–bf further LANs, c0–ff prefixes for containers, VMs and delegation.
 */
import { addressIn, contains, type Ip6, type Prefix, prefixOf } from '../base/ip6.ts'

export const maxSubnet = 63

/** One LAN's part of the site: what is on-link there and where its router stands. */
export interface LanPlan {
  readonly subnet: number | undefined // undefined: the first LAN, on-link as the whole /80
  readonly prefix: Prefix // on-link: the /80, or the /88 of a further LAN
  readonly router: Ip6 // ::1 of the prefix
  readonly dynamic: Pool
}

/** Addresses from `first` to `last`, both included. */
export interface Pool {
  readonly first: Ip6
  readonly last: Ip6
}

const reservedTail = 0xffffn // ::0 to ::ffff: anycast, the router, reservations

/** The plan of the first LAN (no subnet number), or of a further one (0 to 63). */
export function lanPlan(sitePrefix: Prefix, subnet: number | undefined): LanPlan {
  if (subnet === undefined) {
    // On-link is the whole /80, but what this LAN may give away is its lower half.
    const dynamic = {
      first: addressIn(sitePrefix, reservedTail + 1n),
      last: addressIn(sitePrefix, 0x7fff_ffff_ffffn),
    }
    return { subnet, prefix: sitePrefix, router: addressIn(sitePrefix, 1n), dynamic }
  }
  if (!Number.isInteger(subnet) || subnet < 0 || subnet > maxSubnet)
    throw new RangeError(`subnet ${subnet} is not 0 to ${maxSubnet}`)
  const prefix: Prefix = { address: addressIn(sitePrefix, BigInt(0x80 + subnet) << 40n), length: 88 }
  const dynamic = { first: addressIn(prefix, reservedTail + 1n), last: addressIn(prefix, 0xff_ffff_ffffn) }
  return { subnet, prefix, router: addressIn(prefix, 1n), dynamic }
}

/** The /80 that the prefix of a LAN is of. */
export const wholeSite = (lan: Prefix): Prefix => prefixOf(lan.address, 80)

/** The upper half of the /80: unreachable but for more specific routes, so that nothing unassigned there goes to the first LAN. */
export function upperHalf(sitePrefix: Prefix): Prefix {
  return { address: addressIn(sitePrefix, 1n << 47n), length: 81 }
}

/** Where prefixes for containers, VMs and delegation come from: c0–ff. */
export function delegationBlock(sitePrefix: Prefix): Prefix {
  return { address: addressIn(sitePrefix, 0xc0n << 40n), length: 82 }
}

/** Where hosts that make their own addresses come from for other sites: the last /96, from which nobody gets a prefix meanwhile. */
export function translationBlock(sitePrefix: Prefix): Prefix {
  return { address: addressIn(sitePrefix, 0xffffn << 32n), length: 96 }
}

export type Use =
  | { readonly kind: 'anycast' | 'router' | 'reserved' | 'dynamic'; readonly subnet: number | undefined }
  | { readonly kind: 'delegation' }
  | { readonly kind: 'foreign' } // not of this site

/** What an address of the site is for. */
export function useOf(sitePrefix: Prefix, address: Ip6): Use {
  if (!contains(sitePrefix, address)) return { kind: 'foreign' }
  const octet = Number((address >> 40n) & 0xffn)
  if (octet >= 0xc0) return { kind: 'delegation' }
  const subnet = octet >= 0x80 ? octet - 0x80 : undefined
  const lan = subnet === undefined ? sitePrefix : prefixOf(address, 88)
  const offset = address - lan.address
  const kind = offset === 0n ? 'anycast' : offset === 1n ? 'router' : offset <= reservedTail ? 'reserved' : 'dynamic'
  return { kind, subnet }
}

/** Whether an address may be given to a host of the LAN with this subnet number. */
export function isAssignable(plan: LanPlan, address: Ip6): boolean {
  return address >= plan.router + 1n && address <= plan.dynamic.last
}
