import { expect, test } from 'vitest'
import { parseConfig } from '../../../appliance/config/load.ts'
import { intentOf } from '../../../appliance/daemon/kernel-intent.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const config = parseConfig(
  'f.yaml',
  `overlay: {network: 8056c2e21c000001}
lan:
  - interface: eth1
  - {interface: zt1, subnet: 0}
  - {interface: zt1, subnet: 1, relay: {address: "::2"}}
  - {interface: zt0, subnet: 2}
`,
)

test('the interface of an overlay, this or another, is no LAN, and nothing behind it is routed', () => {
  const source = { config, site, former: undefined, overlay: 'zt0', fastPath: undefined, routes: [], local: [] }
  const links = (otherOverlays: string[]) => {
    const { lans, routes } = intentOf({ ...source, otherOverlays })
    return [lans.map(({ link }) => link), routes.map(({ link }) => link)]
  }
  expect(links([])).toEqual([['eth1', 'zt1'], ['zt1']])
  expect(links(['zt1'])).toEqual([['eth1'], []])
})
