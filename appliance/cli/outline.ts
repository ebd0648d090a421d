/** What comes of a configuration: which prefixes, which addresses, which routes. Pure; `siteplane check` prints it. */
import { formatIp6, formatPrefix, halves, type Prefix, unspecified } from '../base/ip6.ts'
import { underPrefix } from '../config/relay.ts'
import { advertiseOf, type Config, type LanConfig } from '../config/schema.ts'
import { nextHop } from '../netlink/kernel.ts'
import type { OverlayReport } from '../overlay/overlay.ts'
import { lanPlan, upperHalf } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { formatNetworkId, formatNodeAddress, networkPrefix, ownerless } from '../plane/sixplane.ts'

export interface Outline {
  readonly overlay: {
    readonly kind: 'zerotier' | 'static'
    readonly network: string
    readonly networkPrefix: string
    readonly node: string | null
    readonly sitePrefix: string | null
    readonly address: string | null // of the router on the overlay
    readonly mac: string | null
    readonly interface: string | null
    readonly reason: string | null // what is amiss with the overlay now
  }
  readonly lan: readonly LanOutline[]
  readonly routes: readonly string[] // of table 80, as `ip -6 route` writes them; empty while the node is not known
}

export interface LanOutline {
  readonly interface: string
  readonly subnet: number | null
  readonly prefix: string | null
  readonly routerAddress: string | null
  readonly dynamic: { readonly first: string; readonly last: string } | null // null: not known yet, or another server's
  readonly onLink: readonly string[] // what an advertisement says hosts reach without a router
  readonly hostRoutes: readonly string[] // and what by this one
  readonly advertise: 'on' | 'off' // off: another router says what is on-link
  readonly relay: string | null // the router of a LAN that this one doesn't see; it advertises there
}

export function outline(config: Config, report: OverlayReport): Outline {
  const { site } = report
  const network = networkPrefix(report.network)
  return {
    overlay: {
      kind: report.kind,
      network: formatNetworkId(report.network),
      networkPrefix: formatPrefix(network),
      node: site ? formatNodeAddress(site.node) : null,
      sitePrefix: site ? formatPrefix(site.sitePrefix) : null,
      address: site ? `${formatIp6(site.address)}/${network.length}` : null,
      mac: site?.mac ?? null,
      interface: report.interface ?? null,
      reason: report.reason ?? null,
    },
    lan: config.lan.map(lan => lanOutline(lan, network, site, relayOf(lan, config, site))),
    routes: site ? routes(config, site, report.interface ?? '<overlay>') : [],
  }
}

/** The router in front of a LAN behind a relay; its last bits alone while the site isn't known. */
function relayOf({ interface: name, relay }: LanConfig, config: Config, site: Site | undefined): string | null {
  if (!relay) return null
  const own = config.lan.find(each => each.interface === name && each.relay === undefined)
  const prefix = site ? lanPlan(site.sitePrefix, own?.subnet).prefix.address : unspecified
  return formatIp6(underPrefix(relay.address, prefix))
}

function lanOutline(lan: LanConfig, network: Prefix, site: Site | undefined, relay: string | null): LanOutline {
  const plan = site && lanPlan(site.sitePrefix, lan.subnet)
  const own = plan ? [formatPrefix(plan.prefix)] : []
  const { networkOnLink } = advertiseOf(lan)
  const silent = relay !== null || lan.advertise === 'off'
  return {
    interface: lan.interface,
    subnet: lan.subnet ?? null,
    prefix: plan ? formatPrefix(plan.prefix) : null,
    routerAddress: plan ? `${formatIp6(plan.router)}/${plan.prefix.length}` : null,
    dynamic:
      plan && lan.dhcpv6 !== 'off'
        ? { first: formatIp6(plan.dynamic.first), last: formatIp6(plan.dynamic.last) }
        : null,
    onLink: silent ? [] : networkOnLink ? [...own, formatPrefix(network)] : own,
    hostRoutes: silent ? [] : networkOnLink ? halves(network).map(formatPrefix) : [formatPrefix(network)],
    advertise: lan.advertise === 'off' ? 'off' : 'on',
    relay,
  }
}

function routes(config: Config, site: Site, overlay: string): string[] {
  const { mode } = config.fastPath
  const via = mode === 'auto' || mode === 'stateless' ? ` via ${formatIp6(nextHop)}` : '' // where the programs can't run: on-link
  const lans = config.lan.map(lan => {
    const relay = relayOf(lan, config, site)
    const prefix = formatPrefix(lanPlan(site.sitePrefix, lan.subnet).prefix)
    return `${prefix}${relay === null ? '' : ` via ${relay}`} dev ${lan.interface}`
  })
  return [
    ...lans,
    ...(config.lan.length > 0 ? [`unreachable ${formatPrefix(upperHalf(site.sitePrefix))}`] : []),
    `${formatPrefix(site.networkPrefix)}${via} dev ${overlay}`,
    ...ownerless(site.network).map(prefix => `unreachable ${formatPrefix(prefix)} (no node has it)`),
    `unreachable ${formatPrefix(site.sitePrefix)} (${config.lan.length > 0 ? 'where a LAN is away' : 'but for prefixes with names'})`,
    `unreachable ${formatPrefix(site.networkPrefix)} (where ${overlay} is away)`,
  ]
}
