import { expect, test } from 'vitest'
import { Client } from './client.ts'
import { siteplane } from './daemon.ts'
import type { Host } from './host.ts'
import { networkRoutes } from './routes.ts'
import { type Site, TwoSites } from './sites.ts'
import { stays, until } from './until.ts'

const addressOf = (host: Host, site: Site) =>
  until(() => host.globalAddress('eth0', site.addressStart), `an address on ${host.name}`, 20_000)

/** Everything that a stop must leave as it was. */
async function kernelState({ router }: Site) {
  for (const link of ['lan0', 'zt0']) await router.linkLocal(link) // the kernel's own part has settled
  const text = async (...args: string[]) => (await router.run('ip', '-6', ...args)).trim()
  const sysctls: Record<string, string> = {}
  for (const link of ['all', 'lan0', 'zt0']) {
    for (const name of [
      'forwarding',
      'force_forwarding',
      'accept_ra',
      'accept_redirects',
      'ignore_routes_with_linkdown',
    ])
      sysctls[`${link}.${name}`] = await router.sysctl(`ipv6/conf/${link}/${name}`).catch(() => 'none')
  }
  for (const name of ['app_solicit', 'ucast_solicit', 'mcast_resolicit'])
    sysctls[`zt0.${name}`] = await router.sysctl(`ipv6/neigh/zt0/${name}`)
  const links = await router.ip<{ ifname: string; flags: string[] }>('link', 'show')
  return {
    addresses: await text('address', 'show'),
    routes: (await text('route', 'show', 'table', 'all'))
      .split('\n')
      .map(route => route.trim())
      .sort(),
    rules: await text('rule', 'show'),
    permanent: await text('neighbour', 'show', 'nud', 'permanent'),
    flags: links.map(({ ifname, flags }) => [ifname, [...flags].sort()]),
    sysctls,
  }
}

test('an overlay interface that comes after the daemon is waited for, and the hosts learn the way when it is there', async () => {
  await using sites = await TwoSites.create({ overlay: false })
  const { a } = sites
  await using daemon = a.start()
  // A static overlay says who we are without its interface: the LAN has its addresses already.
  const waiting = await daemon.hasStatus(({ state }) => state === 'degraded', 'to serve the LAN alone')
  expect(waiting.reasons).toEqual(["overlay: there is no interface zt0: a static overlay's is yours to make"])
  expect(waiting).toMatchObject({ overlay: { state: 'no-interface' }, lan: [{ state: 'serving' }] })
  await a.connectOverlay()
  const serving = await daemon.serving()
  expect(serving.overlay).toMatchObject({ state: 'ok', interface: 'zt0', sitePrefix: a.prefix })
  const [host] = a.hosts
  new Client(host, 'kernel')
  await until(async () => (await networkRoutes(host, sites)).length > 0, 'the route on the host')
})

test('the cable of the LAN is pulled and put back: the status says so, and what was served is served again', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host] = a.hosts
  await using daemon = a.start()
  await daemon.serving()
  new Client(host, 'networkd')
  const address = await addressOf(host, a)
  await a.lanCable.pull()
  const pulled = await daemon.hasStatus(({ lan }) => lan[0]!.state === 'waiting', 'to see the pulled cable')
  expect(pulled.reasons.join()).toContain('lan0')
  await a.lanCable.putBack()
  await daemon.serving()
  await host.reaches(a.address)
  expect(await addressOf(host, a)).toBe(address)
})

test('a router that is killed with -9 and started again loses no lease, no address and no ping between its hosts and the other site', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  let daemon = a.start()
  await using other = b.start()
  await Promise.all([daemon.serving(), other.serving()])
  const [left, right] = [a.hosts[0], b.hosts[0]]
  new Client(left, 'dhclient')
  new Client(right, 'networkd')
  const [mine, theirs] = [await addressOf(left, a), await addressOf(right, b)]
  await left.reaches(theirs)
  const before = { leases: await daemon.leases(), kernel: await kernelState(a) }

  await using pings = left.pinging(theirs)
  await until(() => pings.received > 3, 'the pings to go')
  await daemon.kill()
  const atDeath = pings.received
  await until(() => pings.received > atDeath + 5, 'the pings to go on without a daemon')
  daemon = a.start()
  await using _ = daemon
  await daemon.serving()
  const { sent, received } = await pings.stop()
  expect(sent - received, 'pings lost').toBeLessThanOrEqual(1) // the one under way when the ping is stopped
  expect(await daemon.leases()).toEqual(before.leases)
  expect(await left.globalAddress('eth0', a.addressStart)).toBe(mine)
  await until(async () => (await daemon.status()).state === 'serving', 'the daemon to serve')
  expect(await kernelState(a)).toEqual(before.kernel)
})

test('SIGTERM: within 2 s the hosts have lost the way, and the machine is as it was before the start', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host] = a.hosts
  const before = await kernelState(a)
  await using daemon = a.start()
  await daemon.serving()
  expect(await kernelState(a)).not.toEqual(before)
  new Client(host, 'kernel')
  await until(async () => (await networkRoutes(host, sites)).length > 0, 'the route on the host')

  const asked = performance.now()
  expect(await daemon.stop()).toEqual({ status: 0, signal: undefined })
  expect(performance.now() - asked).toBeLessThan(2_000)
  await until(async () => (await networkRoutes(host, sites)).length === 0, 'the route to go', 1_000)
  expect(await kernelState(a)).toEqual(before)
})

test('SIGUSR2 hands over: everything stays, nothing is withdrawn, and the next start takes it up', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host] = a.hosts
  const first = a.start()
  await first.serving()
  new Client(host, 'kernel')
  await until(async () => (await networkRoutes(host, sites)).length > 0, 'the route on the host')
  const serving = await kernelState(a)
  expect(await first.handOver()).toEqual({ status: 0, signal: undefined })
  expect(await kernelState(a)).toEqual(serving)
  await stays(async () => (await networkRoutes(host, sites)).length > 0, 'the route on the host', 700)
  await using second = a.start()
  await second.serving()
  expect(await kernelState(a)).toEqual(serving)
  expect(second.log).not.toMatch(/remove/)
})

test('a reload with an unknown key is refused with its place, and the old configuration goes on', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await using daemon = a.start()
  await daemon.serving()
  const before = await kernelState(a)
  daemon.configure(a.configuration('lann: []'))
  daemon.reload()
  await daemon.program.says(/lann/)
  expect(daemon.log).toMatch(/siteplane\.yaml:\d+:\d+/)
  const refused = await daemon.status()
  expect(refused).toMatchObject({ state: 'degraded', overlay: { state: 'ok' }, lan: [{ state: 'serving' }] })
  expect(refused.reasons).toEqual([expect.stringMatching(/lann/)])
  expect(await kernelState(a)).toEqual(before)

  daemon.configure(a.configuration('log: { level: debug }'))
  daemon.reload()
  await daemon.program.says(/the configuration was reloaded/)
  expect((await daemon.status()).state).toBe('serving')
  expect(await kernelState(a)).toEqual(before)
})

test('a second daemon in the same network namespace is refused with one sentence', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await using daemon = a.start()
  await daemon.serving()
  const second = await siteplane(a.router, 'run', '--config', daemon.configurationFile)
  expect(second.status).toBe(1)
  expect(second.output.trim().split('\n')).toEqual([expect.stringMatching(/siteplane/)])
  expect((await daemon.status()).state).toBe('serving')
})

test('without a capability that it needs it says which, in one sentence, and changes nothing', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const before = await kernelState(a)
  await using daemon = a.start({ under: ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'] })
  expect(await daemon.program.exited).toEqual({ status: 1, signal: undefined })
  expect(daemon.program.lines).toEqual([expect.stringContaining('CAP_NET_RAW')])
  await using unprivileged = a.start({ under: ['setpriv', '--reuid=nobody', '--clear-groups'] })
  expect(await unprivileged.program.exited).toEqual({ status: 1, signal: undefined })
  expect(unprivileged.program.lines).toEqual([expect.stringMatching(/CAP_NET_ADMIN.*CAP_NET_RAW/)])
  expect(await kernelState(a)).toEqual(before)
})
