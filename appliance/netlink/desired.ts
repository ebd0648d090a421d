/**
 * What the kernel should hold, as a function of what is intended, what links there are, and what we already changed. Nothing
 * here acts: reconcile.ts turns the difference to the actual state into steps.
 */
import type { Ip6, Prefix } from '../base/ip6.ts'
import { upperHalf, wholeSite } from '../plane/plan.ts'
import { ownerless } from '../plane/sixplane.ts'
import { acceptRaSettings, conf, forwardingSettings, neigh, type Setting } from './forwarding.ts'
import { hasSite, type Intent, isRouter, type KnownIntent, linksOf, table } from './intent.ts'
import type { Changes } from './journal.ts'
import {
  type Address,
  type KernelState,
  type Link,
  mark,
  type Neighbour,
  nextHop,
  type Program,
  placeholderMac,
  type Route,
  type Rule,
} from './kernel.ts'
import { rules } from './rules.ts'

export type OwnAddress = Pick<Address, 'link' | 'address' | 'length'>

export interface Desired {
  readonly addresses: readonly OwnAddress[]
  readonly routes: readonly Route[]
  readonly rules: readonly Rule[]
  readonly neighbours: readonly Neighbour[]
  readonly programs: readonly Program[]
  readonly hooks: readonly number[] // links whose hook stays where it stands, with programs or without
  readonly sysctls: readonly Setting[] // in the order of writing
  readonly allMulticast: readonly number[] // link indexes
}

export const nothing: Desired = {
  addresses: [],
  routes: [],
  rules: [],
  neighbours: [],
  programs: [],
  hooks: [],
  sysctls: [],
  allMulticast: [],
}
const ordinaryMetric = 1024 // what the kernel gives a route whose maker names none
const lastResort = 65_535 // any route that leads somewhere comes before an unreachable one

export function desired(given: Intent, state: KernelState, changes: Changes): Desired {
  const known = [given, ...(given.beside ?? [])].map(intent => withoutLoopback(intent, state)).filter(hasSite)
  if (known.length === 0) return nothing

  const links = new Map(state.links.map(link => [link.name, link]))
  const isThere = (name: string) => links.has(name)
  const overlays = known.flatMap(({ overlay }) => overlay?.link ?? [])
  const lans = [...new Set(known.flatMap(intent => intent.lans.map(lan => lan.link)))] // one may be in several networks
  const inner = innerLinks(known)
  const asking = known.filter(({ resolver }) => resolver === 'netlink').flatMap(({ overlay }) => overlay?.link ?? [])
  const routers = known.some(isRouter)
  const here = known.map(intent => ({ intent, stateless: statelessLink(intent, links, state, changes) }))
  return {
    addresses: known.flatMap(intent => addresses(intent, links)),
    routes: here.flatMap(({ intent, stateless }) => routes(intent, links, stateless)),
    rules: rules(known, inner, state, changes),
    neighbours: here.flatMap(({ stateless }) =>
      stateless ? [{ link: stateless.index, address: nextHop, mac: placeholderMac, permanent: true }] : [],
    ),
    programs: known.flatMap(intent => programs(intent, links, state.direct)),
    // To make or remove one costs the link some milliseconds of packets: the kernel halts its queues meanwhile.
    hooks: [...lans, ...overlays].flatMap(name => links.get(name)?.index ?? []),
    sysctls: [
      ...(routers ? acceptRaSettings(overlays, state, changes) : []),
      ...overlays.filter(isThere).flatMap(overlaySettings),
      ...lans.filter(isThere).flatMap(lanSettings),
      ...asking.filter(isThere).flatMap(resolverSettings),
      ...(routers
        ? forwardingSettings([...lans.filter(isThere), ...inner], overlays.filter(isThere), state, changes)
        : []),
    ].filter(({ path }) => state.sysctls.has(path)),
    // The neighbour responder hears solicitations for any address of the /40, also after a crash of ours.
    allMulticast: lans.flatMap(name => links.get(name)?.index ?? []),
  }
}

/** `iif lo` is what this machine itself sends: a rule for it would cut the machine off. */
function withoutLoopback({ overlay, lans, routes, ...rest }: Intent, { links }: KernelState): Intent {
  const isLoopback = (name: string) => links.some(link => link.loopback && link.name === name)
  return {
    ...rest,
    overlay: overlay && isLoopback(overlay.link) ? undefined : overlay,
    lans: lans.filter(lan => !isLoopback(lan.link)),
    routes: routes.filter(route => !isLoopback(route.link)),
  }
}

/** Links with a prefix of the site that are no LANs: bridges of containers, taps of virtual machines. Whether they are there or not. */
function innerLinks(intents: readonly Intent[]): string[] {
  const others = new Set(intents.flatMap(linksOf))
  const all = intents.flatMap(({ routes }) => routes.map(({ link }) => link))
  return [...new Set(all)].filter(name => !others.has(name))
}

type Links = ReadonlyMap<string, Link>

/** A link that can carry addresses and routes; setting it down has taken them away, and gives them back when it is up again. */
function upLink(links: Links, name: string): Link | undefined {
  const link = links.get(name)
  return link?.up ? link : undefined
}

/**
 * The overlay's link where packets may leave for the next hop: the program that writes the MAC stands there. That of an earlier
 * process does where packets go that way already. Without one they would go to a MAC that nobody has.
 */
function statelessLink(intent: Intent, links: Links, state: KernelState, changes: Changes): Link | undefined {
  const overlay = intent.overlay && links.get(intent.overlay.link)
  if (intent.nextHop !== 'stateless' || !overlay?.up) return undefined
  const standing = state.programs.filter(
    each => each.link === overlay.index && each.point === 'egress' && isOurs(each, changes),
  )
  const wanted = intent.programs.find(({ link, point }) => link === overlay.name && point === 'egress')
  const goesThatWay = state.routes.some(route => route.link === overlay.index && route.via === nextHop)
  const stands = standing.some(({ id }) => id === wanted?.id) || (goesThatWay && standing.length > 0)
  return stands ? overlay : undefined
}

/** Classifiers carry our mark; what stands directly is ours where the journal says so. */
export function isOurs(program: Program, { programs }: Changes): boolean {
  const { link, point, way, id } = program
  return way === 'clsact' || programs.some(known => known.link === link && known.point === point && known.id === id)
}

/** A link that is down keeps its classifiers, and takes new ones. */
function programs(intent: Intent, links: Links, direct: boolean): Program[] {
  return intent.programs.flatMap(({ link: name, point, id }) => {
    const link = links.get(name)
    return link ? [{ link: link.index, point, way: direct ? 'direct' : 'clsact', id, slot: intent.slot ?? 0 }] : []
  })
}

function addresses(intent: KnownIntent, links: Links): OwnAddress[] {
  const own: OwnAddress[] = []
  for (const { link: name, plan, former } of intent.lans) {
    const link = upLink(links, name)
    if (!link) continue
    for (const { router, prefix } of former ? [plan, former] : [plan])
      own.push({ link: link.index, address: router, length: prefix.length })
  }
  const overlay = intent.overlay?.assignAddress ? upLink(links, intent.overlay.link) : undefined
  const { address, networkPrefix } = intent.site
  if (overlay) own.push({ link: overlay.index, address, length: networkPrefix.length })
  return own
}

function routes(intent: KnownIntent, links: Links, stateless: Link | undefined): Route[] {
  const { site } = intent
  const own: Route[] = []
  const through = (name: string, destination: Prefix, via?: Ip6) => {
    const link = upLink(links, name)
    if (!link) return
    own.push({ table, kind: 'unicast', destination, link: link.index, via, metric: ordinaryMetric, protocol: mark })
  }
  const unreachable = (destination: Prefix, metric: number) =>
    own.push({ table, kind: 'unreachable', destination, link: undefined, via: undefined, metric, protocol: mark })

  for (const { link, plan, former } of intent.lans) {
    through(link, plan.prefix)
    if (former) through(link, former.prefix)
  }
  for (const route of intent.routes) through(route.link, route.prefix, route.via)
  for (const { link, prefix } of intent.local ?? []) through(link, prefix)
  if (intent.overlay) through(intent.overlay.link, site.networkPrefix, stateless && nextHop)
  // No node has these addresses: the sender hears of it at once.
  for (const prefix of ownerless(site.network)) unreachable(prefix, ordinaryMetric)

  const former = intent.lans.find(lan => lan.former)?.former
  for (const prefix of [site.sitePrefix, ...(former ? [wholeSite(former.prefix)] : [])]) {
    // What is unassigned there never goes to the first LAN.
    if (intent.lans.length > 0) unreachable(upperHalf(prefix), ordinaryMetric)
    // While a LAN is down its packets would follow the /40 to the overlay, which would only send them back.
    unreachable(prefix, lastResort)
  }
  unreachable(site.networkPrefix, lastResort) // nor does anything of the network follow the default route to the internet
  return own
}

/** Members of the network are no routers of ours. */
function overlaySettings(link: string): Setting[] {
  return [
    { path: conf(link, 'accept_ra'), value: '0' },
    { path: conf(link, 'accept_redirects'), value: '0' },
  ]
}

function lanSettings(link: string): Setting[] {
  return [
    { path: conf(link, 'accept_ra_rt_info_max_plen'), value: '0' }, // our own /41s, told by another router, are not for us
    { path: conf(link, 'ignore_routes_with_linkdown'), value: '1' },
  ]
}

/**
 * The kernel asks us first (app_solicit), and helps itself by multicast when we are gone. It never probes by unicast, which nobody
 * answers for hosts behind a node of a ZeroTier network: probing again by multicast keeps such an entry alive.
 */
function resolverSettings(link: string): Setting[] {
  return [
    { path: neigh(link, 'app_solicit'), value: '1' },
    { path: neigh(link, 'ucast_solicit'), value: '0' },
    { path: neigh(link, 'mcast_resolicit'), value: '3' },
  ]
}
