/**
 * One router in two networks, with a LAN in each. Members of the networks are plain ones, and so is all between them:
 *
 *   a1 ── lan0 ─┐      ┌─ zt0 ══ office ══ b
 *               ├─ a ──┤
 *   a3 ── lan1 ─┘      └─ zt1 ══ plant ═══ c
 */
import { expect, test } from 'vitest'
import { formatIp6, formatPrefix } from '../../appliance/base/ip6.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Client } from './client.ts'
import { network, TwoSites } from './sites.ts'
import { until } from './until.ts'

const plant = '610252ad3bc0ffee'
const plantSite = (node: string) => siteOf(parseNetworkId(plant), parseNodeAddress(node))

test('two networks on one router: each LAN has its own, through a restart too, and neither reaches the other', async () => {
  await using sites = await TwoSites.create()
  const { a, b, lab } = sites
  const here = plantSite(a.node)
  const there = plantSite('0c0c0c0c0c')
  const [a1, a3, c] = [a.hosts[0], await lab.host('a3'), await lab.host('c')]
  const [otherOverlay, otherLan] = [await lab.switch('plant'), await lab.switch('lan-plant')]
  await otherOverlay.plug({ host: a.router, link: 'zt1', mac: here.mac }, 2800)
  await otherOverlay.plug({ host: c, link: 'zt1', mac: there.mac }, 2800)
  await otherLan.plug({ host: a.router, link: 'lan1' })
  await otherLan.plug({ host: a3, link: 'eth0' })
  for (const link of ['zt1', 'lan1']) await a.router.setUp(link)
  await c.setUp('zt1')
  await c.ip('address', 'add', `${formatIp6(there.address)}/40`, 'dev', 'zt1', 'nodad')
  await b.router.ip('address', 'add', `${b.address}/40`, 'dev', 'zt0', 'nodad')

  const configuration = `overlays:
  - { name: office, kind: static, network: ${network}, node: ${a.node}, interface: zt0 }
  - { name: plant, kind: static, network: ${plant}, node: ${a.node}, interface: zt1 }
lan:
  - { interface: lan0, overlays: [office] }
  - { interface: lan1, subnet: 0, overlays: [plant] }
`
  await using stack = new AsyncDisposableStack()
  const daemon = stack.use(a.start({ configuration }))
  const status = await daemon.serving()
  const prefix = formatPrefix(lanPlan(here.sitePrefix, 0).prefix)
  expect(status).toMatchObject({
    overlays: [
      { name: 'office', network, state: 'ok', interface: 'zt0', sitePrefix: a.prefix },
      { name: 'plant', network: plant, state: 'ok', interface: 'zt1', sitePrefix: formatPrefix(here.sitePrefix) },
    ],
    lan: [
      { interface: 'lan0', network, prefix: a.prefix, state: 'serving' },
      { interface: 'lan1', network: plant, prefix, state: 'serving' },
    ],
  })
  const shown = await daemon.cli('status')
  for (const line of ['overlay office, static: ok', 'overlay plant, static: ok', 'fast path plant: '])
    expect(shown).toContain(line)

  stack.use(new Client(a1, 'dhclient'))
  stack.use(new Client(a3, 'dhclient'))
  await until(() => a1.globalAddress('eth0', a.addressStart), 'an address of office on a1', 20_000)
  const address = await until(
    () => a3.globalAddress('eth0', prefix.replace('00::/88', '')),
    'one of plant on a3',
    20_000,
  )
  expect((await daemon.leases()).map(lease => lease.interface).toSorted()).toEqual(['lan0', 'lan1'])
  await a1.reaches(b.address)
  await a3.reaches(formatIp6(there.address))
  await c.reaches(address)
  const elsewhere = await a1.ping(formatIp6(there.address))
  expect([elsewhere.received, (await a3.ping(b.address)).received]).toEqual([0, 0])

  await using pings = c.pinging(address)
  await using others = a1.pinging(b.address)
  await until(() => pings.received > 3 && others.received > 3, 'the pings to go')
  daemon.configure(configuration.replace(/^ {2}- \{ name: plant.*\n/m, '').replace(/^.*lan1.*\n/m, ''))
  daemon.reload()
  await daemon.hasStatus(({ reasons }) => reasons.some(each => each.includes('by a restart')), 'to refuse it')
  daemon.configure(configuration)
  await daemon.handOver()
  const second = stack.use(a.start({ configuration }))
  await second.serving()
  const [before, beforeOthers] = [pings.received, others.received]
  await until(() => pings.received > before + 3 && others.received > beforeOthers + 3, 'the pings to go on')
  for (const { sent, received } of [await pings.stop(), await others.stop()])
    expect(sent - received, 'pings lost').toBeLessThanOrEqual(1) // the one under way when the ping is stopped

  // A LAN may go from one to the other by a reload.
  second.configure(configuration.replace('overlays: [plant] }', 'overlays: [office] }'))
  second.reload()
  const isMoved = (each: object) => 'network' in each && each.network === network
  await second.hasStatus(
    ({ state, lan }) => state === 'serving' && lan.length === 2 && lan.every(isMoved),
    'to move lan1',
  )
  expect(second.program.lines.filter(line => line.includes('"level":"error"'))).toEqual([])

  await second.stop()
  expect(await a.router.routes('table', '80').catch(() => [])).toEqual([])
})
