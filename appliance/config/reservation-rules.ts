/** Where reserved addresses and prefixes may lie, and that nothing is reserved twice. */
import type * as z from 'zod'
import { contains, formatPrefix, type Ip6, type Prefix, parseIp6, prefixOf } from '../base/ip6.ts'
import { delegationBlock, isAssignable, type LanPlan, lanPlan, maxSubnet, wholeSite } from '../plane/plan.ts'
import { type NetworkId, type NodeAddress, networkPrefix, sitePrefix } from '../plane/sixplane.ts'
import { showPath } from './document.ts'
import { overlaysAround } from './overlay.ts'
import { underPrefix } from './relay.ts'
import { keysOf, problem } from './rules.ts'

type Context = z.core.$RefinementCtx
type Path = readonly (string | number)[]

/** An address as its offset in the LAN's prefix, where it is of the LAN; `::5` is one of any LAN. */
export function offsetOf(address: Ip6, plan: LanPlan): number | undefined {
  const whole = underPrefix(address, plan.prefix.address)
  return contains(plan.prefix, whole) && isAssignable(plan, whole) ? Number(whole - plan.prefix.address) : undefined
}

/** A prefix as the offset of its first address in the site's prefix, where it is of the site and may be delegated. */
export function offsetOfPrefix({ address, length }: Prefix, site: Prefix): number | undefined {
  const first = underPrefix(address, site.address)
  return contains(delegationBlock(site), { address: first, length }) ? Number(first - site.address) : undefined
}

/** Every reservation is of its LAN, and nothing is reserved twice. */
export function checkReservations(value: unknown, context: Context): void {
  const { overlay, overlays, lan } = keysOf(value)
  if (!Array.isArray(lan)) return
  const all = (Array.isArray(overlays) ? overlays : [overlay]).map(keysOf)
  const names = new Taken(context)
  const prefixes: { readonly prefix: Prefix; readonly where: Path }[] = []
  for (const [i, entry] of lan.entries()) {
    const { reservations, subnet, delegate } = keysOf(entry)
    if (!Array.isArray(reservations)) continue
    const sites = overlaysAround(keysOf(entry), lan, all).map(each => new KnownSite(each))
    const addresses = new Taken(context)
    const identities = new Taken(context)
    for (const [k, each] of reservations.entries()) {
      const { duid, iaid, hwAddress, hostname, ipAddresses, prefixes: some } = keysOf(each)
      const at = ['lan', i, 'reservations', k]
      const key = duid !== undefined ? 'duid' : hwAddress !== undefined ? 'hwAddress' : 'hostname'
      identities.take(`${key} ${duid ?? hwAddress ?? hostname} ${iaid ?? ''}`, [...at, key])
      if (hostname !== undefined && key !== 'hostname') names.take(hostname, [...at, 'hostname'])
      const own = new Map<number, Ip6>() // of several networks it may name the address in each
      for (const [n, address] of listOf(ipAddresses, isAddress)) {
        const where = [...at, 'ipAddresses', n]
        const offset = firstOf(sites, site => site.offset(address, subnet))
        if (offset === undefined) problem(context, where, notOfLan(subnet))
        else if (sites.length === 1 || (own.get(offset) ?? address) === address) addresses.take(offset, where)
        if (offset !== undefined) own.set(offset, address)
      }
      for (const [n, prefix] of listOf(some, isPrefix)) {
        const where = [...at, 'prefixes', n]
        if (delegate === undefined) problem(context, where, 'needs delegate on this LAN, which delegates no prefixes')
        const offset = firstOf(sites, site => site.offsetOfPrefix(prefix))
        if (offset === undefined)
          problem(context, where, `is not of ${formatPrefix(delegationBlock(someSite))} of this site`)
        else prefixes.push({ prefix: { address: BigInt(offset) as Ip6, length: prefix.length }, where })
      }
    }
  }
  checkOverlaps(prefixes, context)
}

/** In several networks a host has the same last bits. */
function firstOf(sites: readonly KnownSite[], offset: (site: KnownSite) => number | undefined): number | undefined {
  return sites.map(offset).find(each => each !== undefined)
}

const someSite: Prefix = { address: parseIp6('::'), length: 80 }
const isSubnet = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= maxSubnet

/** What the file says of where we are: the network, and the node of a static overlay. */
class KnownSite {
  readonly #network: Prefix | undefined
  readonly #site: Prefix | undefined

  constructor({ network, node }: Record<string, unknown>) {
    if (typeof network !== 'bigint') return
    this.#network = networkPrefix(network as NetworkId)
    if (typeof node === 'bigint') this.#site = sitePrefix(network as NetworkId, node as NodeAddress)
  }

  offset(address: Ip6, subnet: unknown): number | undefined {
    const site = this.#siteFor(address)
    return site && offsetOf(address, lanPlan(site, isSubnet(subnet) ? subnet : undefined))
  }

  offsetOfPrefix(prefix: Prefix): number | undefined {
    const site = this.#siteFor(prefix.address)
    return site && offsetOfPrefix(prefix, site)
  }

  /** The site that an address may be of: any for last bits alone, and one that only ZeroTier knows is believed. */
  #siteFor(address: Ip6): Prefix | undefined {
    const site = prefixOf(address, someSite.length)
    if (site.address === 0n) return someSite
    if (this.#network && !contains(this.#network, site)) return undefined
    return this.#site && site.address !== this.#site.address ? undefined : wholeSite(site)
  }
}

function notOfLan(subnet: unknown): string {
  const last = isSubnet(subnet) ? '::ff:ffff:ffff' : '::7fff:ffff:ffff'
  return `is not for a host of this LAN: its last bits must be ::2 to ${last}`
}

const isAddress = (value: unknown): value is Ip6 => typeof value === 'bigint'
const isPrefix = (value: unknown): value is Prefix => isAddress(keysOf(value)['address'])

/** Those that are what they should be, with their places. */
function* listOf<T>(value: unknown, isOne: (value: unknown) => value is T): Generator<[number, T]> {
  if (!Array.isArray(value)) return
  for (const [i, each] of value.entries()) if (isOne(each)) yield [i, each]
}

/** What is reserved already, and where. */
class Taken {
  readonly #places = new Map<unknown, Path>()
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  take(what: unknown, where: Path): void {
    const first = this.#places.get(what)
    if (first) problem(this.#context, [...where], `is reserved already by ${showPath(first)}`)
    else this.#places.set(what, where)
  }
}

function checkOverlaps(prefixes: readonly { readonly prefix: Prefix; readonly where: Path }[], context: Context): void {
  const sorted = prefixes.toSorted(
    (a, b) => Number(a.prefix.address - b.prefix.address) || a.prefix.length - b.prefix.length,
  )
  for (const [i, { prefix, where }] of sorted.entries()) {
    const before = sorted[i - 1]
    if (before && contains(before.prefix, prefix))
      problem(context, [...where], `overlaps what is reserved by ${showPath(before.where)}`)
  }
}
