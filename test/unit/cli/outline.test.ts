import { expect, test } from 'vitest'
import { outline } from '../../../appliance/cli/outline.ts'
import { place } from '../../../appliance/cli/place.ts'
import { parseConfig } from '../../../appliance/config/load.ts'

test('a host without LANs keeps no addresses from one, and the rest of its site leads nowhere', async () => {
  const overlay = 'overlay: {kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: zt0}'
  const config = parseConfig('f.yaml', `${overlay}\nlan: []`)
  expect(outline(config, await place(config.overlay)).routes).toEqual([
    'fc9c:56c2:e300::/40 via fe80::5 dev zt0',
    'unreachable fc9c:56c2:e300::/80 (no node has it)',
    'unreachable fc9c:56c2:e3ff::/48 (no node has it)',
    'unreachable fc9c:56c2:e389:e92c:eee5::/80 (but for prefixes with names)',
    'unreachable fc9c:56c2:e300::/40 (where zt0 is away)',
  ])
})
