/**
 * What the router says on a LAN. It is no default router: the internet's own router stays what it is. Three kinds of host must
 * reach the /40 with no setting of their own: those that read route information take the two /41s, which are longer than any
 * on-link /40; all others hold the /40 to be on-link, solicit for what they want to reach, and hear the responder.
 */
import { halves, type Ip6, type Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { LanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import type { RouterAdvertisement } from './message.ts'
import { encodeOption, type Option } from './options.ts'

/** What a LAN's hosts have of one network. */
export interface Advertised {
  readonly site: Site
  readonly lan: LanPlan
  readonly networkReachable: boolean // false: hosts are told to forget the /40
}

export interface AdvertisementPlan extends Advertised {
  readonly beside?: readonly Advertised[] // further networks that the LAN is in
  readonly mac: Mac // of the LAN interface
  readonly managed: boolean // hosts get addresses by DHCPv6
  readonly otherConfig: boolean // and other settings
  readonly networkOnLink: boolean // the /40 is advertised as on-link, and the responder stands behind it
  readonly lifetimes: { readonly network: number; readonly lan: number } // seconds
  readonly interval: { readonly min: number; readonly max: number } // seconds between unsolicited advertisements
  readonly dns: { readonly servers: readonly Ip6[]; readonly search: readonly string[] }
  readonly mtu?: number // octets
  readonly autonomous?: Prefix // that hosts make addresses of, besides those that they get by DHCPv6
  readonly silent?: boolean // another router says all this in our place: nothing is sent
}

// Our own tunable: hosts keep DNS servers over the loss of two advertisements. RFC 8106 section 5.1 recommends as much.
const dnsIntervals = 3

/** The advertisement of a plan: what it says, without what is being withdrawn. RFC 4861 section 6.2.3. */
export function advertisement(plan: AdvertisementPlan): RouterAdvertisement {
  return {
    kind: 'router-advertisement',
    currentHopLimit: 0, // like both timers: what the internet's router told the hosts stays
    managed: plan.managed,
    other: plan.otherConfig,
    preference: 'medium',
    routerLifetime: 0, // above 0 some hosts merge us into their internet default route
    reachableTime: 0,
    retransTimer: 0,
    options: [
      { kind: 'source-link-layer-address', mac: plan.mac },
      ...(plan.mtu === undefined ? [] : [{ kind: 'mtu', mtu: plan.mtu } as const]),
      ...networksOf(plan).map(({ lan }) => onLink(lan.prefix, plan.lifetimes.lan)),
      ...(plan.autonomous ? [{ ...onLink(plan.autonomous, plan.lifetimes.lan), autonomous: true }] : []),
      ...networksOf(plan).flatMap(network => networkOptions(network, plan)),
      ...dnsOptions(plan),
    ],
  }
}

/** The last word before the router stops for good: each /40 is gone, the LAN's own prefix stays. RFC 4861 section 6.2.5. */
export function finalAdvertisement(plan: AdvertisementPlan): RouterAdvertisement {
  return advertisement(withReachable(plan, false))
}

/** The same, of networks that are all there or all gone. */
export function withReachable(plan: AdvertisementPlan, networkReachable: boolean): AdvertisementPlan {
  return { ...plan, networkReachable, beside: plan.beside?.map(each => ({ ...each, networkReachable })) ?? [] }
}

export const networksOf = ({ beside = [], ...first }: AdvertisementPlan): readonly Advertised[] => [first, ...beside]

/** A /40: on-link and as two routes of medium preference, or as one route where it isn't to be on-link. */
function networkOptions(
  { site, networkReachable }: Advertised,
  { networkOnLink, lifetimes }: AdvertisementPlan,
): Option[] {
  const lifetime = networkReachable ? lifetimes.network : 0
  const route = (prefix: Prefix): Option => ({ kind: 'route-information', prefix, preference: 'medium', lifetime })
  return networkOnLink
    ? [onLink(site.networkPrefix, lifetime), ...halves(site.networkPrefix).map(route)]
    : [route(site.networkPrefix)]
}

/** Never autonomous of the site's own: those addresses come from DHCPv6, and a /80 leaves no room for an interface identifier. RFC 2464 section 4. */
function onLink(prefix: Prefix, lifetime: number): Option & { readonly kind: 'prefix-information' } {
  const lifetimes = { validLifetime: lifetime, preferredLifetime: lifetime }
  return { kind: 'prefix-information', prefix, onLink: true, autonomous: false, ...lifetimes }
}

function dnsOptions({ dns, interval }: AdvertisementPlan): Option[] {
  const lifetime = dnsIntervals * interval.max
  return [
    ...(dns.servers.length === 0 ? [] : [{ kind: 'rdnss', servers: dns.servers, lifetime } as const]),
    ...(dns.search.length === 0 ? [] : [{ kind: 'dnssl', names: dns.search, lifetime } as const]),
  ]
}

const headerOctets = 16 // of the message itself

/**
 * The advertisement as one message or several, none longer than `limit` octets of ICMPv6, since discovery messages are never
 * fragmented (RFC 6980 section 5). Each is complete in its header and names the sender's MAC. RFC 4861 section 6.2.3.
 */
export function split(whole: RouterAdvertisement, limit: number): RouterAdvertisement[] {
  const isMac = (option: Option) => option.kind === 'source-link-layer-address'
  const first = whole.options.filter(isMac)
  const empty = headerOctets + sizeOf(first)
  const parts: Option[][] = [[...first]]
  let room = limit - empty
  for (const option of whole.options.filter(each => !isMac(each))) {
    const size = sizeOf([option])
    if (size > room && parts.at(-1)!.length > first.length) {
      parts.push([...first])
      room = limit - empty
    }
    parts.at(-1)!.push(option)
    room -= size
  }
  return parts.map(options => ({ ...whole, options }))
}

const sizeOf = (options: readonly Option[]): number => options.reduce((sum, each) => sum + encodeOption(each).length, 0)
