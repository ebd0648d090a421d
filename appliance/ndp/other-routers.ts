/**
 * Other routers of the LAN, and where what they say contradicts us. Hosts hear all of us and mix what they hear, so that an
 * operator must learn of it; nothing else follows from it. Pure: it is told the time. RFC 4861 section 6.2.7.
 */
import { contains, equalPrefix, formatPrefix, type Ip6, type Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { RouterAdvertisement } from './message.ts'
import { optionsOf } from './options.ts'
import type { Preference } from './route-information.ts'

export interface OtherRouter {
  readonly linkLocal: Ip6
  readonly mac?: Mac
  readonly managed: boolean
  readonly other: boolean
  readonly routerLifetime: number // seconds; above 0 it is a default router
  readonly preference: Preference
  readonly prefixes: readonly Prefix[] // at most 8
  /** What takes hosts' packets elsewhere or makes them forget what we say. Sentences. */
  readonly contradictions: readonly string[]
  /** What RFC 4861 section 6.2.7 calls inconsistent and what hosts cope with: the union of the flags counts. Sentences. */
  readonly differences: readonly string[]
  readonly firstSeen: number // milliseconds of the monotonic clock, like lastSeen
  readonly lastSeen: number
}

/** What we say, as the comparison needs it. */
export interface OurWord {
  readonly advertisement: RouterAdvertisement
  readonly networkPrefixes: readonly Prefix[]
  readonly silent?: boolean // it is for others to say it
}

// Our own: a stranger can invent routers, so the list is short and forgets them.
const mostRouters = 16
const mostPrefixes = 8
const mostSentences = 8
const shortestMemory = 600_000 // milliseconds; longer for a router that says it lives longer
const countdown = 0.5 // some routers count lifetimes down: down to this part of ours is no contradiction

export class OtherRouters {
  readonly #routers = new Map<Ip6, { router: OtherRouter; told: string }>()

  /** Notes an advertisement. `news`: what it contradicts has not been told yet. */
  heard(
    source: Ip6,
    theirs: RouterAdvertisement,
    ours: OurWord,
    now: number,
  ): { readonly router: OtherRouter; readonly news: boolean } {
    const before = this.#routers.get(source)
    if (before)
      this.#routers.delete(source) // the one heard last stands last
    else this.#makeRoom(now)
    const mac = optionsOf(theirs.options, 'source-link-layer-address')[0]?.mac
    const router: OtherRouter = {
      linkLocal: source,
      ...(mac === undefined ? {} : { mac }),
      managed: theirs.managed,
      other: theirs.other,
      routerLifetime: theirs.routerLifetime,
      preference: theirs.preference,
      prefixes: optionsOf(theirs.options, 'prefix-information')
        .slice(0, mostPrefixes)
        .map(({ prefix }) => prefix),
      contradictions: contradictions(theirs, ours).slice(0, mostSentences),
      differences: differences(theirs, ours.advertisement),
      firstSeen: before?.router.firstSeen ?? now,
      lastSeen: now,
    }
    const sentences = sentencesOf(router)
    const told = sentences === '' ? '' : (before?.told ?? '')
    this.#routers.set(source, { router, told })
    return { router, news: sentences !== told }
  }

  /** Someone has been told what this router contradicts: it is news no more. */
  told(source: Ip6): void {
    const entry = this.#routers.get(source)
    if (entry) entry.told = sentencesOf(entry.router)
  }

  /** Those heard of lately. */
  list(now: number): OtherRouter[] {
    this.#forget(now)
    return [...this.#routers.values()].map(({ router }) => router)
  }

  /** The one that has been silent longest goes: whoever speaks now must be seen, however many were invented before. */
  #makeRoom(now: number): void {
    if (this.#routers.size >= mostRouters) this.#forget(now)
    const [oldest] = this.#routers.keys()
    if (this.#routers.size >= mostRouters && oldest !== undefined) this.#routers.delete(oldest)
  }

  #forget(now: number): void {
    for (const [source, { router }] of this.#routers) {
      const { lastSeen, routerLifetime } = router
      if (now - lastSeen > Math.max(shortestMemory, routerLifetime * 1000)) this.#routers.delete(source)
    }
  }
}

const sentencesOf = ({ contradictions, differences }: OtherRouter): string =>
  [...contradictions, ...differences].join('\n')

/** Flags and values of the header. A value of 0 is unspecified on either side and contradicts nothing. */
function differences(theirs: RouterAdvertisement, ours: RouterAdvertisement): string[] {
  const said: string[] = []
  if (theirs.managed !== ours.managed) said.push(`it says managed ${theirs.managed}, we say ${ours.managed}`)
  if (theirs.other !== ours.other) said.push(`it says other ${theirs.other}, we say ${ours.other}`)
  const values = ['currentHopLimit', 'reachableTime', 'retransTimer'] as const
  for (const name of values) {
    const [theirValue, ourValue] = [theirs[name], ours[name]]
    if (theirValue !== 0 && ourValue !== 0 && theirValue !== ourValue)
      said.push(`it says ${name} ${theirValue}, we say ${ourValue}`)
  }
  return said
}

function contradictions(theirs: RouterAdvertisement, ours: OurWord): string[] {
  return [
    ...mtuContradictions(theirs, ours.advertisement),
    ...prefixContradictions(theirs, ours),
    ...routeContradictions(theirs, ours),
  ]
}

function mtuContradictions(theirs: RouterAdvertisement, ours: RouterAdvertisement): string[] {
  const [their] = optionsOf(theirs.options, 'mtu')
  const [our] = optionsOf(ours.options, 'mtu')
  return their && our && their.mtu !== our.mtu ? [`it says MTU ${their.mtu}, we say ${our.mtu}`] : []
}

function prefixContradictions(theirs: RouterAdvertisement, { advertisement, networkPrefixes }: OurWord): string[] {
  const ours = optionsOf(advertisement.options, 'prefix-information')
  return optionsOf(theirs.options, 'prefix-information').flatMap(their => {
    const text = formatPrefix(their.prefix)
    const our = ours.find(({ prefix }) => equalPrefix(prefix, their.prefix))
    if (!our) {
      const alive = their.validLifetime > 0 // else it takes back what nobody should have said
      return alive && networkPrefixes.some(each => contains(each, their.prefix))
        ? [`it advertises ${text}, a part of this network`]
        : []
    }
    const said: string[] = []
    if (their.onLink !== our.onLink) said.push(`it says that ${text} is not on-link, we say that it is`)
    if (their.autonomous !== our.autonomous) said.push(`it lets hosts make their own addresses in ${text}, we don't`)
    for (const name of ['validLifetime', 'preferredLifetime'] as const) {
      if (their[name] > our[name] || their[name] < our[name] * countdown)
        said.push(`it says ${name} ${their[name]} for ${text}, we say ${our[name]}`)
    }
    return said
  })
}

/** A route for a part of the network through someone else: the longer prefix or the higher preference wins on the hosts. */
function routeContradictions(theirs: RouterAdvertisement, { networkPrefixes, silent }: OurWord): string[] {
  const ofOurs = (prefix: Prefix) => networkPrefixes.find(each => contains(each, prefix))
  const isAll = (prefix: Prefix) => prefix.length <= ofOurs(prefix)!.length + 1 // the /40, or its halves: who says it in our place means us
  return optionsOf(theirs.options, 'route-information')
    .filter(({ prefix, lifetime }) => lifetime > 0 && ofOurs(prefix))
    .filter(({ prefix }) => !silent || !isAll(prefix))
    .map(({ prefix, preference }) => `it advertises a route of ${preference} preference to ${formatPrefix(prefix)}`)
}
