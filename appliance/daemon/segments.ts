/** LANs behind a relay: from the configuration to what the DHCPv6 server and the kernel need of them. */
import { underPrefix } from '../config/relay.ts'
import type { Config, LanConfig } from '../config/schema.ts'
import type { Segment } from '../dhcp/lan-server.ts'
import type { Intent } from '../netlink/desired.ts'
import { type LanPlan, lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { scopeOf } from './scope.ts'

/** The LANs of the configuration that are behind a relay on this interface. */
export const behind = (config: Config, name: string): LanConfig[] =>
  config.lan.filter(lan => lan.interface === name && lan.relay !== undefined)

/** The segments behind relays on a LAN with this plan. */
export function segmentsOf(configs: readonly LanConfig[], site: Site, plan: LanPlan): Segment[] {
  return configs.flatMap(config => {
    if (!config.relay) return []
    const place = (address: typeof config.relay.address) => underPrefix(address, plan.prefix.address)
    return [
      {
        scope: scopeOf(config, lanPlan(site.sitePrefix, config.subnet)),
        via: place(config.relay.address),
        sources: config.relay.sources.map(place),
        linkAddresses: config.relay.linkAddresses.map(place),
      },
    ]
  })
}

/** Each segment by its router; where that stands on the overlay's own link there is nothing to route to. */
export function segmentRoutes(config: Config, site: Site, overlay: string | undefined): Intent['routes'] {
  return config.lan
    .filter(lan => lan.relay === undefined && lan.interface !== overlay)
    .flatMap(lan =>
      segmentsOf(behind(config, lan.interface), site, lanPlan(site.sitePrefix, lan.subnet)).map(({ scope, via }) => ({
        prefix: scope.plan.prefix,
        link: lan.interface,
        via,
      })),
    )
}
