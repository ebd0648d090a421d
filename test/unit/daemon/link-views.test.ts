import { expect, test } from 'vitest'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { linkViews } from '../../../appliance/daemon/link-views.ts'
import { MemoryKernel } from '../../../appliance/netlink/memory.ts'

test('each link has its own addresses, and its own switch for IPv6', async () => {
  const kernel = new MemoryKernel()
  const zt0 = kernel.addLink('zt0')
  kernel.addLink('lan0')
  const address = parseIp6('fc00::1')
  kernel.edit({ op: 'add-address', address: { link: zt0.index, address, length: 40 } })
  kernel.write('ipv6/conf/lan0/disable_ipv6', '1')
  const seen = linkViews(await kernel.state())
  expect(seen.find(({ name }) => name === 'zt0')).toMatchObject({ ipv6: true, addresses: [address] })
  expect(seen.find(({ name }) => name === 'lan0')).toMatchObject({ ipv6: false, addresses: [] })
})
