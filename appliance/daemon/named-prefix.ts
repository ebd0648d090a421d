/** What a prefix with a name is, which one a name gets, and where it is routed to. Nothing here keeps one: prefixes.ts does. */
import { addressIn, contains, formatIp6, formatPrefix, type Ip6, isLinkLocal, type Prefix } from '../base/ip6.ts'
import { offsetOfPrefix } from '../config/reservation-rules.ts'
import { type Config, type LanConfig, translatedIn } from '../config/schema.ts'
import { allocatePrefix, drawNamed } from '../dhcp/allocate.ts'
import { type Bindings, isLive } from '../dhcp/binding.ts'
import { delegationBlock, useOf } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import type { NetworkId } from '../plane/sixplane.ts'

/**
 * A part of the site's prefix that an operator gave a name to. What is of the site is kept relative to its prefix, as bindings are,
 * and stays the same when the site is renumbered.
 */
export interface NamedPrefix {
  readonly name: string
  readonly host: number // offset of the first address in the site's prefix, below 2^48
  readonly length: number
  readonly via: Ip6 | undefined // link-local, or the last 48 bits of an address of the site
  readonly interface: string | undefined
  readonly allocatedAt: number // milliseconds since 1970
  readonly network: NetworkId | undefined // of several; undefined is the first
}

/** What decides about prefixes besides those that there are. */
export interface Surroundings {
  readonly config: Config
  readonly site: Site
  readonly overlay: string | undefined // the name of its interface
  readonly isFirst: boolean // of several networks
}

/** Whether a prefix is of this network. */
export const isOf = ({ network }: Pick<NamedPrefix, 'network'>, { site, isFirst }: Surroundings): boolean =>
  network === undefined ? isFirst : network === site.network

/** Where a prefix is routed to, or why nowhere, as a clause that follows its name. `kept`: nobody asked for a route. */
export type Way =
  | { readonly kind: 'way'; readonly link: string; readonly via: Ip6 | undefined }
  | { readonly kind: 'kept' }
  | { readonly kind: 'none'; readonly reason: string }

const lastKept = 0xffff // where there is no LAN, ::0 to ::ffff stay this machine's own

/** Where prefixes with names come from. A site without LANs has all of its addresses for them. */
export const poolOf = ({ config, site }: Surroundings): Prefix =>
  config.lan.length === 0 ? site.sitePrefix : delegationBlock(site.sitePrefix)

export const prefixIn = (site: Site, { host, length }: Pick<NamedPrefix, 'host' | 'length'>): Prefix => ({
  address: addressIn(site.sitePrefix, BigInt(host)),
  length,
})

/**
 * The place that the name hashes to, or the next one that is free, as an offset in the site's prefix; undefined where none is. No
 * table is asked first, so a name gets the same prefix again where all files are lost. RFC 7943 section 4.
 */
export function choose(
  { name, length }: Pick<NamedPrefix, 'name' | 'length'>,
  surroundings: Surroundings,
  others: readonly NamedPrefix[],
  bindings: Bindings,
  now: number,
): number | undefined {
  const { config, site } = surroundings
  const pool = poolOf(surroundings)
  const reserved = config.lan.flatMap(({ reservations }) => reservations.flatMap(({ prefixes }) => prefixes))
  const kept = [...reserved, ...translatedIn(config.lan, site.sitePrefix)].flatMap(
    prefix => reservedIn(site, prefix) ?? [],
  )
  const isFree = (address: Ip6) => {
    const host = Number(address - site.sitePrefix.address)
    if (config.lan.length === 0 && host <= lastKept && length > pool.length) return false
    if ([...others, ...kept].some(each => overlap(each, { host, length }))) return false
    return !bindings.delegatedIn(host, lastOf({ host, length })).some(binding => isLive(binding, now))
  }
  const first = allocatePrefix(counter => drawNamed(name, counter), pool, length, isFree)
  return first === undefined ? undefined : Number(first - site.sitePrefix.address)
}

type Range = Pick<NamedPrefix, 'host' | 'length'>

const lastOf = ({ host, length }: Range): number => host + 2 ** (128 - length) - 1
export const overlap = (a: Range, b: Range): boolean => a.host <= lastOf(b) && b.host <= lastOf(a)

/** Where a prefix lies that the configuration reserves; undefined where it is of another site. */
export function reservedIn(site: Site, prefix: Prefix): Range | undefined {
  const host = offsetOfPrefix(prefix, site.sitePrefix)
  return host === undefined ? undefined : { host, length: prefix.length }
}

/** Where a prefix leads in these surroundings, whether its link is there or not. */
export function wayOf(prefix: NamedPrefix, surroundings: Surroundings): Way {
  const { config, site, overlay } = surroundings
  const pool = poolOf(surroundings)
  const reason = (text: string): Way => ({ kind: 'none', reason: text })
  if (!contains(pool, prefixIn(site, prefix)))
    return reason(`is not of ${formatPrefix(pool)}, where prefixes come from: release it and allocate it again`)
  const { via, interface: name } = prefix
  const lans = config.lan.filter(lan => lan.relay === undefined)
  if (via !== undefined) {
    const lan = isLinkLocal(via) ? lanOfLinkLocal(lans, name) : lanOf(lans, addressIn(site.sitePrefix, via), site)
    if (typeof lan === 'string') return reason(`has no next hop: ${formatIp6(nextHopIn(site, via))} ${lan}`)
    return { kind: 'way', link: lan.interface, via: nextHopIn(site, via) }
  }
  if (name === undefined) return { kind: 'kept' }
  if (name === overlay) return reason(`can't be routed to ${name}, which is the overlay`)
  if (lans.some(lan => lan.interface === name))
    return reason(`needs a next hop on LAN ${name}: --via names the host that it is for`)
  return { kind: 'way', link: name, via: undefined }
}

/** The next hop as it is now. */
export const nextHopIn = (site: Site, via: Ip6): Ip6 => (isLinkLocal(via) ? via : addressIn(site.sitePrefix, via))

function lanOfLinkLocal(lans: readonly LanConfig[], name: string | undefined): LanConfig | string {
  if (name !== undefined)
    return lans.find(lan => lan.interface === name) ?? `is on ${name}, which is no LAN of this site`
  if (lans.length === 1) return lans[0]!
  return lans.length === 0 ? 'is on no LAN of this site' : 'may be on any LAN: --interface says on which'
}

/** The LAN of a host's address, or why there is none. */
function lanOf(lans: readonly LanConfig[], address: Ip6, site: Site): LanConfig | string {
  const use = useOf(site.sitePrefix, address)
  if (use.kind === 'router') return 'is this router itself'
  const lan =
    use.kind === 'reserved' || use.kind === 'dynamic' ? lans.find(each => each.subnet === use.subnet) : undefined
  return lan ?? 'is on no LAN of this site'
}
