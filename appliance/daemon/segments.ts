/** LANs behind a relay: from the configuration to what the DHCPv6 server and the kernel need of them. */
import type { Ip6, Prefix } from '../base/ip6.ts'
import { underPrefix } from '../config/relay.ts'
import type { Config, LanConfig } from '../config/schema.ts'
import type { Segment } from '../dhcp/lan-server.ts'
import type { Intent } from '../netlink/intent.ts'
import { type LanPlan, lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { scopeOf } from './scope.ts'

/** The LANs of the configuration that are behind a relay on this interface. */
export const behind = (config: Config, name: string): LanConfig[] =>
  config.lan.filter(lan => lan.interface === name && lan.relay !== undefined)

/** The segments behind relays on a LAN that we serve, which is placed in these networks, and they with it; `away` are those that it has no prefix of yet. */
export function segmentsOf(
  configs: readonly LanConfig[],
  placed: readonly Placed[],
  away: readonly Prefix[] = [],
): Segment[] {
  return configs.flatMap(config => {
    const plans = placed.map(({ site }) => lanPlan(site.sitePrefix, config.subnet))
    const scope = scopeOf(config, plans, undefined, away)
    if (!config.relay || !scope) return []
    // Of last bits alone there is an address in each network.
    const places = (address: Ip6) => [...new Set(placed.map(({ plan }) => underPrefix(address, plan.prefix.address)))]
    const [via, ...others] = places(config.relay.address)
    return [
      {
        scope,
        via: via!,
        sources: [...others, ...config.relay.sources.flatMap(places)],
        linkAddresses: config.relay.linkAddresses.flatMap(places),
      },
    ]
  })
}

interface Placed {
  readonly site: Site
  readonly plan: LanPlan
}

/** Each segment by its router; where that stands on the overlay's own link there is nothing to route to. */
export function segmentRoutes(config: Config, site: Site, overlay: string | undefined): Intent['routes'] {
  return config.lan
    .filter(lan => lan.relay === undefined && lan.interface !== overlay)
    .flatMap(lan =>
      behind(config, lan.interface).map(({ subnet, relay }) => ({
        prefix: lanPlan(site.sitePrefix, subnet).prefix,
        link: lan.interface,
        via: underPrefix(relay!.address, lanPlan(site.sitePrefix, lan.subnet).prefix.address),
      })),
    )
}
