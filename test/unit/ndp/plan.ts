import { parseMac } from '../../../appliance/base/mac.ts'
import type { AdvertisementPlan } from '../../../appliance/ndp/advertisement.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

/** Network fc9c:56c2:e300::/40, site fc9c:56c2:e389:e92c:eee5::/80. */
export const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))

/** What a router with the four-line configuration says. */
export const plan: AdvertisementPlan = {
  site,
  lan: lanPlan(site.sitePrefix, undefined),
  mac: parseMac('02:00:00:00:00:01'),
  managed: true,
  otherConfig: true,
  networkOnLink: true,
  networkReachable: true,
  lifetimes: { network: 1800, lan: 86_400 },
  interval: { min: 200, max: 600 },
  dns: { servers: [], search: [] },
}
