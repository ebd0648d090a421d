import { expect, test } from 'vitest'
import { Client, type ClientName } from './client.ts'
import type { Daemon } from './daemon.ts'
import type { Host } from './host.ts'
import { liesIn } from './routes.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

/**
 * A router behind the site's router, and a computer behind that:
 *
 *   inner ── eth0 ═══ eth1 ── a1 ── eth0 ═══ LAN of site a
 */
async function behind(sites: TwoSites): Promise<{ middle: Host; inner: Host }> {
  const [middle] = sites.a.hosts
  const inner = await sites.lab.host('inner')
  await sites.lab.cable({ host: middle, link: 'eth1' }, { host: inner, link: 'eth0' })
  for (const [host, link] of [
    [middle, 'eth1'],
    [inner, 'eth0'],
  ] as const)
    await host.setUp(link)
  await middle.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.eth0.accept_ra=2')
  return { middle, inner }
}

const configuration = (site: Site) =>
  site.configuration(
    '    delegate: {}\n    dhcpv6: { lifetimes: { preferred: 3600, valid: 7200, t1: 1800, t2: 2880 } }\n',
  )

/** The delegation that begins at `address`, or the only one. */
const delegationOf = async (daemon: Daemon, address?: string) =>
  (await daemon.leases()).find(lease => lease.type === 'IA_PD' && (address ?? lease.address) === lease.address)

/** What leads to delegated prefixes on the router: `dst via gateway dev`. */
async function delegatedRoutes({ router, prefix }: Site): Promise<string[]> {
  const routes = await router.routes('table', '80')
  const inside = routes.filter(
    ({ dst, type }) => type === undefined && dst !== prefix && liesIn(prefix, dst.split('/')[0]!),
  )
  return inside.map(({ dst, gateway, dev }) => `${dst} via ${gateway} dev ${dev}`)
}

test('I04 I05 dhcpcd routes a /96 that the other site reaches, through a restart, until it is released', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const { middle, inner } = await behind(sites)
  let daemon = a.start({ configuration: configuration(a) })
  await using other = b.start()
  await Promise.all([daemon.serving(), other.serving()])
  await using client = new Client(middle, 'dhcpcdRouter')
  const down = await until(() => middle.globalAddress('eth1', a.addressStart), 'an address from the prefix', 30_000)
  const lease = (await delegationOf(daemon))!
  expect(lease).toMatchObject({ prefixLength: 96, state: 'bound' })
  const prefix = `${lease.address}/96`
  expect(liesIn(prefix, down)).toBe(true)
  // The route stood before the Reply left: it is there as soon as the client has anything.
  const route = `${prefix} via ${await middle.linkLocal('eth0')} dev lan0`
  expect(await delegatedRoutes(a)).toEqual([route])

  const address = `${lease.address}5`
  await inner.ip('-6', 'address', 'add', `${address}/96`, 'dev', 'eth0', 'nodad')
  await inner.ip('-6', 'route', 'add', 'default', 'via', down)
  const [, neighbour] = a.hosts
  const [far] = b.hosts
  new Client(neighbour, 'networkd')
  new Client(far, 'networkd')
  await until(() => neighbour.globalAddress('eth0', a.addressStart), 'an address on the LAN', 20_000)
  await until(() => far.globalAddress('eth0', b.addressStart), 'an address at the other site', 20_000)
  await far.reaches(address)
  await neighbour.reaches(address)

  // A host that holds the whole /80 to be on-link asks the LAN for it, and the router answers.
  const plain = await sites.lab.host('plain')
  await a.lan.plug({ host: plain, link: 'eth0' })
  new Client(plain, 'kernel')
  await plain.linkLocal('eth0')
  await plain.ip('-6', 'address', 'add', `${a.addressAt(0x1234n)}/80`, 'dev', 'eth0', 'nodad')
  await plain.reaches(address)
  const macOf = async (host: Host, link: string) =>
    (await host.ip<{ address: string }>('link', 'show', 'dev', link))[0]!.address
  const [entry] = await plain.ip<{ lladdr: string }>('-6', 'neighbour', 'show', address)
  expect(entry!.lladdr).toBe(await macOf(a.router, 'lan0'))

  await using pings = far.pinging(address)
  await until(() => pings.received > 3, 'the pings to go')
  await daemon.kill()
  daemon = a.start({ configuration: configuration(a) })
  await daemon.serving()
  await until(async () => (await delegationOf(daemon, lease.address))?.state === 'bound', 'the lease from the file')
  const { sent, received } = await pings.stop()
  expect(sent - received, 'pings lost').toBeLessThanOrEqual(1)
  expect(await delegatedRoutes(a)).toContain(route) // beside those of networkd, which asks unasked
  expect(daemon.log).not.toContain(`remove route ${prefix}`)

  // Whoever takes it away finds it back at once.
  await a.router.ip('-6', 'route', 'del', prefix, 'table', '80')
  await until(async () => (await delegatedRoutes(a)).includes(route), 'the route to be mended', 2_000)

  client.program.signal('SIGALRM') // release and exit
  await until(async () => (await delegationOf(daemon, lease.address))?.state === 'released', 'the release')
  await until(async () => !(await delegatedRoutes(a)).includes(route), 'the route to go', 2_000)
  const { received: none, complaints } = await far.ping(address, { wait: 2 })
  expect(none).toBe(0)
  expect(complaints.join()).toMatch(/Destination unreachable/)
  await daemon.stop()
})

test('I04 a route comes back from the lease file although the kernel lost it while nobody ran', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const { middle } = await behind(sites)
  const first = a.start({ configuration: configuration(a) })
  await first.serving()
  await using _ = new Client(middle, 'dibblerRouter')
  const lease = await until(() => delegationOf(first), 'dibbler to have a prefix', 30_000)
  expect(lease).toMatchObject({ prefixLength: 96, state: 'bound' })
  const prefix = `${lease.address}/96`
  const routed = async () => (await middle.routes()).some(({ dst, dev }) => dst === prefix && dev === 'eth1')
  await until(routed, 'dibbler to route its prefix', 10_000)
  const route = `${prefix} via ${await middle.linkLocal('eth0')} dev lan0`
  expect(await delegatedRoutes(a)).toEqual([route])
  // A stop for good takes the route along; the lease stays.
  await first.stop()
  expect(await a.router.routes('table', '80').catch(() => [])).toEqual([])
  await using second = a.start({ configuration: configuration(a) })
  await second.serving()
  expect(await delegatedRoutes(a)).toEqual([route])
})

const kinds: ClientName[] = ['networkd', 'dhcpcdRouter']

test.for(kinds)('I03 without delegation %s gets its address and NoPrefixAvail beside it', async kind => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const { middle } = await behind(sites)
  await using daemon = a.start()
  await daemon.serving()
  await using _ = new Client(middle, kind)
  const address = await until(() => middle.globalAddress('eth0', a.addressStart), 'an address', 30_000)
  expect((await daemon.leases()).map(lease => [lease.type, lease.address])).toEqual([['IA_NA', address]])
  expect(await delegatedRoutes(a)).toEqual([])
})
