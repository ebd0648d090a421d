import { describe, expect, test } from 'vitest'
import { formatIp6, formatPrefix } from '../../../appliance/base/ip6.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { behind, segmentRoutes, segmentsOf } from '../../../appliance/daemon/segments.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const moved = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('1122334455'))
const config = parseConfig(
  'f.yaml',
  `overlay: {network: 8056c2e21c000001}
lan:
  - interface: eth1
  - {interface: eth1, subnet: 5, relay: {address: "::2", sources: ["fe80::5", "::9"], linkAddresses: ["2001:db8::1"]}}
  - {interface: eth1, subnet: 6, dhcpv6: off, relay: {address: "fe80::5"}}
  - {interface: eth2, subnet: 0}
  - {interface: eth2, subnet: 7, relay: {address: "::2"}}
`,
)

describe('LANs behind relays', () => {
  test('each is routed by its router, also one that we do not serve; not on the link of the overlay', () => {
    const routes = (overlay?: string) =>
      segmentRoutes(config, site, overlay).map(
        ({ prefix, link, via }) => `${formatPrefix(prefix)} via ${formatIp6(via!)} dev ${link}`,
      )
    const first = [
      'fc9c:56c2:e389:e92c:eee5:8500::/88 via fc9c:56c2:e389:e92c:eee5::2 dev eth1',
      'fc9c:56c2:e389:e92c:eee5:8600::/88 via fe80::5 dev eth1',
    ]
    const second = 'fc9c:56c2:e389:e92c:eee5:8700::/88 via fc9c:56c2:e389:e92c:eee5:8000:0:2 dev eth2'
    expect(routes()).toEqual([...first, second])
    expect(routes('eth2')).toEqual(first)
  })

  const placed = (place: typeof site) => ({ site: place, plan: lanPlan(place.sitePrefix, undefined) })

  test('in several networks it has a part of each, and its relay an address in each', () => {
    const [segment] = segmentsOf(behind(config, 'eth1'), [placed(site), placed(moved)])
    expect([segment!.scope.plan, ...segment!.scope.beside].map(({ prefix }) => formatPrefix(prefix))).toEqual([
      'fc9c:56c2:e389:e92c:eee5:8500::/88',
      'fc9c:56c2:e311:2233:4455:8500::/88',
    ])
    expect([segment!.via, segment!.sources[0]!].map(formatIp6)).toEqual([
      'fc9c:56c2:e389:e92c:eee5::2',
      'fc9c:56c2:e311:2233:4455::2',
    ])
  })

  test('one that we serve has its relay under the prefix that the LAN has now, whatever else it sends from', () => {
    const shown = (place: typeof site) =>
      segmentsOf(behind(config, 'eth1'), [placed(place)]).map(({ scope, via, sources, linkAddresses }) => [
        scope.plan.subnet,
        ...[via, ...sources, ...linkAddresses].map(formatIp6),
      ])
    expect(shown(site)).toEqual([
      [5, 'fc9c:56c2:e389:e92c:eee5::2', 'fe80::5', 'fc9c:56c2:e389:e92c:eee5::9', '2001:db8::1'],
    ])
    expect(shown(moved)[0]![1]).toBe('fc9c:56c2:e311:2233:4455::2')
  })
})
