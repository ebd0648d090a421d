/**
 * One router in two networks, with a LAN in each, or one LAN in both. Members of the networks are plain ones, and so is all between
 * them:
 *
 *   a1 ── lan0 ─┐      ┌─ zt0 ══ office ══ b          a1, a2, a3 ── lan0 ── a ──┬─ zt0 ══ office ══ b
 *               ├─ a ──┤                                                        └─ zt1 ══ plant ═══ c
 *   a3 ── lan1 ─┘      └─ zt1 ══ plant ═══ c
 */
import { expect, test } from 'vitest'
import { formatIp6, formatPrefix, parseIp6 } from '../../appliance/base/ip6.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Client } from './client.ts'
import type { Host } from './host.ts'
import { network, TwoSites } from './sites.ts'
import { until } from './until.ts'

const plant = '610252ad3bc0ffee'
const plantSite = (node: string) => siteOf(parseNetworkId(plant), parseNodeAddress(node))

/** Another network with the router and a member in it; and a member in the first one. */
async function plantBeside({ a, b, lab }: TwoSites) {
  const [here, there] = [plantSite(a.node), plantSite('0c0c0c0c0c')]
  const [c, overlay] = [await lab.host('c'), await lab.switch('plant')]
  await overlay.plug({ host: a.router, link: 'zt1', mac: here.mac }, 2800)
  await overlay.plug({ host: c, link: 'zt1', mac: there.mac }, 2800)
  for (const host of [a.router, c]) await host.setUp('zt1')
  await c.ip('address', 'add', `${formatIp6(there.address)}/40`, 'dev', 'zt1', 'nodad')
  await b.router.ip('address', 'add', `${b.address}/40`, 'dev', 'zt0', 'nodad')
  const overlays = `overlays:
  - { name: office, kind: static, network: ${network}, node: ${a.node}, interface: zt0 }
  - { name: plant, kind: static, network: ${plant}, node: ${a.node}, interface: zt1 }
`
  return { here, there, c, overlays }
}

test('two networks on one router: each LAN has its own, through a restart too, and neither reaches the other', async () => {
  await using sites = await TwoSites.create()
  const { a, b, lab } = sites
  const { here, there, c, overlays } = await plantBeside(sites)
  const [a1, a3] = [a.hosts[0], await lab.host('a3')]
  const otherLan = await lab.switch('lan-plant')
  await otherLan.plug({ host: a.router, link: 'lan1' })
  await otherLan.plug({ host: a3, link: 'eth0' })
  await a.router.setUp('lan1')

  const configuration = `${overlays}lan:
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
  const allocated = await daemon.cli('prefix', 'allocate', 'plc', '--via', address, '--overlay', 'plant')
  const [, part] = /^plc has (\S+) via/.exec(allocated) ?? []
  const routes = await a.router.routes('table', '80')
  expect(routes.find(({ dst }) => dst === part)).toMatchObject({ gateway: address, dev: 'lan1' })
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

test('a LAN in two networks: its hosts have an address and a way in each, whatever becomes of the other one', async () => {
  await using sites = await TwoSites.create()
  const { a, b, lab } = sites
  const { here, there, c, overlays } = await plantBeside(sites)
  const a3 = await lab.host('a3')
  await a.lan.plug({ host: a3, link: 'eth0' })
  const hosts = [...a.hosts, a3]
  const lanIn = (names: string) =>
    `lan: [{ interface: lan0, overlays: [${names}], dhcpv6: { lifetimes: { preferred: 40, valid: 60, t1: 4, t2: 20 } } }]\n`

  await using stack = new AsyncDisposableStack()
  const networks = [a.place, here].map(({ sitePrefix, address }, i) => ({
    network: [network, plant][i],
    prefix: formatPrefix(sitePrefix),
    routerAddress: formatIp6(address),
  }))
  const members = [b.address, formatIp6(there.address)] as const
  const starts = [a.address, formatIp6(here.address)].map(address => address.replace(/:?:1$/, ':')) as [string, string]
  const inUse = async (host: Host, start: string) =>
    (await host.addresses('eth0')).find(each => each.local.startsWith(start) && !each.tentative && !each.deprecated)
      ?.local
  const haveBoth = async () => {
    for (const host of hosts)
      for (const start of starts) await until(() => inUse(host, start), `${host.name} to have an address of ${start}`)
  }

  // The LAN's first network is not known yet: its hosts are served in the other.
  const nobody = `  - { name: plant, network: ${plant}, home: ${a.router.folder}/nobody }\n`
  const first = stack.use(a.start({ configuration: overlays.replace(/.*plant.*\n/, nobody) + lanIn('plant, office') }))
  const { lan } = await first.hasStatus(each => each.lan[0]?.state === 'serving', 'to serve in office alone')
  expect(lan).toMatchObject([{ network: plant, prefix: null, networks: [{ prefix: null }, networks[0]] }])
  await first.handOver()

  const daemon = stack.use(a.start({ configuration: overlays + lanIn('office, plant') }))
  expect((await daemon.serving()).lan).toMatchObject([
    { ...networks[0], interface: 'lan0', networks, state: 'serving' },
  ])
  for (const [i, kind] of (['dhclient', 'dhcpcd', 'networkd'] as const).entries())
    stack.use(new Client(hosts[i]!, kind))
  await haveBoth()
  for (const host of hosts) {
    const own = await Promise.all(starts.map(start => inUse(host, start)))
    expect(new Set(own.map(address => BigInt.asUintN(48, parseIp6(address!)))).size, 'last bits').toBe(1)
    for (const [i, member] of members.entries()) {
      await host.reaches(member)
      const [route] = await host.ip<{ prefsrc: string }>('-6', 'route', 'get', member)
      expect(route?.prefsrc).toBe(own[i])
      // From its address in the one network it reaches nobody in the other.
      const across = ['ping', '-6', '-n', '-c', '1', '-W', '0.5', '-I', own[1 - i]!, member]
      await expect(host.run(...across)).rejects.toThrow()
    }
    await c.reaches(own[1]!)
  }
  const rows = await daemon.leases()
  expect(rows.map(({ address, network: of }) => [address.startsWith(starts[0]), of])).toEqual(
    rows.map(({ address }) => [address.startsWith(starts[0]), address.startsWith(starts[0]) ? network : plant]),
  )
  expect(rows.length).toBe(6)

  // One of them is away: all goes on in the other, and who renews keeps both.
  await using pings = hosts[0]!.pinging(b.address)
  await a.router.setDown('zt1')
  await daemon.hasStatus(({ state, lan }) => state === 'degraded' && lan[0]!.state === 'serving', 'to tell of plant')
  const since = new Date().toISOString()
  const renewed = async () => (await daemon.leases()).filter(({ changedAt }) => changedAt > since).length
  await until(async () => (await renewed()) >= 4, 'two of them to renew')
  await haveBoth()
  await a.router.setUp('zt1')
  await daemon.serving()
  for (const host of hosts) await host.reaches(members[1])

  // The LAN leaves one, and comes again.
  const quick = hosts.slice(0, 2) // networkd renews up to 10 s late, so it is not waited for
  daemon.configure(overlays + lanIn('office'))
  daemon.reload()
  for (const host of quick)
    await until(async () => !(await inUse(host, starts[1])), `${host.name} to give its address of plant up`)
  const { sent, received } = await pings.stop()
  expect(sent - received, 'pings lost').toBeLessThanOrEqual(1) // the one under way when the ping is stopped
  daemon.configure(`${overlays + lanIn('plant, office')}fastPath: netlink\n`)
  daemon.reload()
  for (const host of quick) {
    await until(() => inUse(host, starts[1]), `${host.name} to have an address of plant again`)
    await host.ip('-6', 'neighbour', 'flush', 'dev', 'eth0')
    for (const member of members) await host.reaches(member)
  }
  expect((await daemon.status()).lan[0]!.counters['neighbour.answered']).toBeGreaterThan(0)
  expect(daemon.program.lines.filter(line => line.includes('"level":"error"'))).toEqual([])

  // The network is taken out of the configuration, which takes a restart: hosts forget the way to it at once.
  const plantRoute = async () =>
    (await hosts[0]!.routes('dev', 'eth0')).some(({ dst }) => dst === formatPrefix(here.networkPrefix))
  expect(await plantRoute()).toBe(true)
  await daemon.handOver()
  const second = stack.use(a.start({ configuration: overlays.replace(/.*plant.*\n/, '') + lanIn('office') }))
  await second.serving()
  await until(async () => !(await plantRoute()), 'the route to plant to go')
  expect(await hosts[0]!.reaches(b.address)).toBeGreaterThan(0)
  await second.stop()
  expect(await a.router.routes('table', '80').catch(() => [])).toEqual([])
})
