/**
 * Hosts that make their own addresses (SLAAC) and speak no DHCPv6: they have one of a prefix that is the site's own (RFC 4193), and
 * on their way to other sites get one of the site's /80, the same in both directions. Nothing here acts.
 */
import { createHmac } from 'node:crypto'
import { addressIn, contains, type Ip6, type Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { translationBlock } from '../plane/plan.ts'

/** A LAN of such hosts. */
export interface TranslatedLan {
  readonly link: string
  readonly subnet: number | undefined
  readonly prefix: Prefix // the /64 that hosts make addresses of
}

/** A source that has sent something for another site. */
export interface Heard {
  readonly address: Ip6
  readonly mac: Mac
  readonly at: number // milliseconds since 1970
}

/** One host, by its MAC: it may have several addresses (of its privacy), and is one address to the other sites. */
export interface Translation {
  readonly link: string
  readonly mac: Mac
  readonly host: number // the last 32 bits of its address in the block
  readonly own: readonly Ip6[] // what is sent to it goes to the first one
  readonly heardAt: number
}

export const keptFor = 6 * 3_600_000 // ms that a host keeps its address without a word to other sites
const mostHosts = 1024 // our own, all LANs together: each is memory of the kernel, and a stranger can make hosts up
const inUse = 600_000 // ms since an address was heard
const mostOwn = 8 // addresses of one host: a temporary one a day, for a week

export const addressOf = (sitePrefix: Prefix, { host }: Pick<Translation, 'host'>): Ip6 =>
  addressIn(translationBlock(sitePrefix), BigInt(host))

/** fd, 40 bits that nobody else is likely to have, and the number of the LAN. RFC 4193 section 3.2. */
export function localPrefix(secret: Uint8Array, subnet: number | undefined): Prefix {
  const id = createHmac('sha256', secret).update('RFC 4193 global id').digest().readUIntBE(0, 5)
  const number = subnet === undefined ? 0 : subnet + 1
  return { address: ((0xfdn << 120n) | (BigInt(id) << 80n) | (BigInt(number) << 64n)) as Ip6, length: 64 }
}

export interface Outcome {
  readonly translations: readonly Translation[]
  readonly isNew: boolean // the kernel has to be told
  readonly isFull: boolean // a host found no room
}

/** Who is translated from now on. */
export function follow(
  known: readonly Translation[],
  heard: readonly Heard[],
  lans: readonly TranslatedLan[],
  secret: Uint8Array,
  now: number,
): Outcome {
  const live = known.filter(each => now - each.heardAt < keptFor && lans.some(({ link }) => link === each.link))
  const hosts = new Map(live.map(each => [keyOf(each), each]))
  const taken = new Set(live.map(({ host }) => host))
  let isNew = live.length !== known.length
  let isFull = false
  for (const [key, said] of Map.groupBy(heard.flatMap(inLan(lans)), keyOf)) {
    const before = hosts.get(key)
    if (!before && hosts.size >= mostHosts) {
      isFull = true
      continue
    }
    const { link, mac } = said[0]!
    const host = before?.host ?? draw(key, secret, taken)
    taken.add(host)
    const own = ownOf(before?.own ?? [], said, now)
    if (own.length !== before?.own.length || own.some((each, i) => each !== before.own[i])) isNew = true
    const heardAt = Math.max(before?.heardAt ?? 0, ...said.map(({ at }) => at))
    hosts.set(key, { link, mac, host, own, heardAt })
  }
  return { translations: [...hosts.values()], isNew, isFull }
}

const keyOf = ({ link, mac }: Pick<Translation, 'link' | 'mac'>) => `${link} ${mac}`

/** With the LAN that its address is of; what is of none is nobody's. */
const inLan = (lans: readonly TranslatedLan[]) => (heard: Heard) => {
  const lan = lans.find(({ prefix }) => contains(prefix, { address: heard.address, length: 128 }))
  return lan ? [{ ...heard, link: lan.link }] : []
}

/**
 * The addresses of a host: the first one stays the first while it is in use, so that a host which uses two doesn't change from one to
 * the other all the time. Of too many those go that were not heard for longest.
 */
function ownOf(before: readonly Ip6[], said: readonly Heard[], now: number): readonly Ip6[] {
  const heardAt = new Map(said.map(({ address, at }) => [address, at]))
  const at = (address: Ip6) => heardAt.get(address) ?? 0
  const all = [...before, ...said.map(({ address }) => address).filter(address => !before.includes(address))]
  const newest = all.reduce((best, each) => (at(each) > at(best) ? each : best))
  const first = before[0] !== undefined && now - at(before[0]) < inUse ? before[0] : newest
  const rest = all.filter(each => each !== first)
  const kept = new Set(rest.toSorted((a, b) => at(b) - at(a)).slice(0, mostOwn - 1))
  return [first, ...rest.filter(each => kept.has(each))]
}

/** The same for a host as long as the secret is there, unless another has it. */
function draw(key: string, secret: Uint8Array, taken: ReadonlySet<number>): number {
  for (let counter = 0; ; counter++) {
    const host = createHmac('sha256', secret).update(`translation ${counter} ${key}`).digest().readUInt32BE(0)
    if (host > 0xffff && !taken.has(host)) return host
  }
}
