import { expect, test } from 'vitest'
import type { PrefixRow } from '../../appliance/http/api.ts'
import { type Daemon, siteplane } from './daemon.ts'
import type { Host } from './host.ts'
import { nspawn } from './nspawn.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

const allocate = async (daemon: Daemon, ...args: readonly string[]): Promise<PrefixRow> =>
  JSON.parse(await daemon.cli('prefix', 'allocate', ...args, '--json')) as PrefixRow
const list = async (daemon: Daemon): Promise<readonly PrefixRow[]> =>
  ((await daemon.get('/v1/prefixes')) as { prefixes: PrefixRow[] }).prefixes

/** What leads to a prefix in our table on the router, in the words of `ip`. */
const routeTo = async ({ router }: Site, prefix: string): Promise<string> =>
  (await router.run('ip', '-6', 'route', 'show', prefix, 'table', '80')).trim()

async function macOf(host: Host, link: string): Promise<string> {
  return (await host.ip<{ address: string }>('link', 'show', 'dev', link))[0]!.address
}

/**
 * A host with a bridge of containers, of which there is one, on the LAN of site a, which holds the whole /80 to be on-link:
 *
 *   inner ── eth0 ═══ br0 ── a1 ── eth0 ═══ LAN ═══ a2
 */
async function bridged(sites: TwoSites): Promise<{ host: Host; inner: Host }> {
  const [host] = sites.a.hosts
  const inner = await sites.lab.host('inner')
  await host.ip('link', 'add', 'br0', 'type', 'bridge')
  await sites.lab.cable({ host, link: 'port0' }, { host: inner, link: 'eth0' })
  await host.ip('link', 'set', 'port0', 'master', 'br0', 'up')
  for (const [each, link] of [
    [host, 'br0'],
    [inner, 'eth0'],
  ] as const)
    await each.setUp(link)
  return { host, inner }
}

test.concurrent.for(['auto', 'netlink'] as const)(
  'a prefix with a name leads by a host of the LAN, from all sites and from the LAN itself (fast path %s)',
  async mode => {
    await using sites = await TwoSites.create()
    const { a, b } = sites
    const { host, inner } = await bridged(sites)
    const configuration = a.configuration(`    delegate: {}\nfastPath: ${mode}\n`)
    let daemon = a.start({ configuration })
    await using other = b.start()
    await Promise.all([daemon.serving(), other.serving()])
    const address = await a.settle(host, 0x5n)
    const [, neighbour] = a.hosts
    await a.settle(neighbour, 0x6n)
    const [far] = b.hosts
    const farAddress = await b.settle(far, 0x7n)

    const row = await allocate(daemon, 'docker1', '--via', address)
    const { prefix } = row
    const route = `${prefix} via ${address} dev lan0 proto 80 metric 1024 pref medium`
    expect(row).toMatchObject({ name: 'docker1', via: address, interface: 'lan0', state: 'routed', reason: null })
    expect(await routeTo(a, prefix)).toBe(route)

    // The lines that it prints for a bridge, on the host.
    const text = await daemon.cli('prefix', 'allocate', 'docker1', '--via', address)
    expect(text).toContain(`"fixed-cidr-v6": "${prefix}"`)
    for (const line of text.split('\n').filter(each => /^ {2}(ip|sysctl) /.test(each)))
      await host.run('sh', '-c', line.replace('BRIDGE', 'br0').replace('IFACE', 'eth0'))
    const container = row.routerAddress!.replace(/1$/, '5')
    await inner.ip('-6', 'address', 'add', `${container}/96`, 'dev', 'eth0', 'nodad')
    await inner.ip('-6', 'route', 'add', 'default', 'via', row.routerAddress!)
    await far.reaches(container)
    await inner.reaches(farAddress)

    // A host that holds the whole /80 to be on-link asks the LAN for it, and the router answers.
    await neighbour.reaches(container)
    const [entry] = await neighbour.ip<{ lladdr: string }>('-6', 'neighbour', 'show', container)
    expect(entry!.lladdr).toBe(await macOf(a.router, 'lan0'))

    // Whoever takes the route away finds it back at once, and so does the next daemon, which has it from the file.
    await a.router.ip('-6', 'route', 'del', prefix, 'table', '80')
    await until(async () => (await routeTo(a, prefix)) === route, 'the route to be mended', 10_000)
    await daemon.stop()
    expect(await routeTo(a, prefix).catch(() => '')).toBe('')
    daemon = a.start({ configuration })
    await daemon.serving()
    await until(async () => (await routeTo(a, prefix)) === route, 'the route from the file', 10_000)
    expect(await list(daemon)).toEqual([row])
    await far.reaches(container)

    expect(JSON.parse(await daemon.cli('prefix', 'release', 'docker1', '--json'))).toMatchObject({ name: 'docker1' })
    expect(await list(daemon)).toEqual([])
    expect(await routeTo(a, prefix)).toBe('')
    const { received, complaints } = await far.ping(container, { wait: 2 })
    expect([received, complaints.join()]).toEqual([0, expect.stringMatching(/Destination unreachable/)])
    // The same name has the same prefix again.
    expect((await allocate(daemon, 'docker1', '--via', address)).prefix).toBe(prefix)
    await daemon.stop()
  },
)

test.concurrent('a prefix leads to a tap device as soon as that is there, and to a container of systemd-nspawn', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using daemon = a.start()
  await using other = b.start()
  await Promise.all([daemon.serving(), other.serving()])
  const [far] = b.hosts
  await b.settle(far, 0x7n)

  const row = await allocate(daemon, 'vm1', '--interface', 'tap0')
  const waits = 'waits for interface tap0, which does not exist'
  expect(row).toMatchObject({ via: null, interface: 'tap0', state: 'waiting', reason: waits })
  expect((await daemon.status()).reasons).toContain(`prefix vm1 ${waits}`)
  const web = await allocate(daemon, 'web', '--interface', 've-web')

  // A machine whose card is the other end of tap0: what one program writes there, the other has read here.
  const vm = await sites.lab.host('vm')
  const there = `ip netns exec ${vm.netns} socat - TUN,tun-type=tap,tun-name=eth0,iff-no-pi,iff-up`
  const here = ['TUN,tun-type=tap,tun-name=tap0,iff-no-pi,iff-up', `EXEC:"${there}",socktype=2`]
  await using _tap = a.router.spawn(['socat', ...here])
  const inside = (prefix: PrefixRow) => prefix.routerAddress!.replace(/1$/, '2')
  const script = ['/bin/busybox ip link set host0 up']
  script.push(`/bin/busybox ip -6 address add ${inside(web)}/96 dev host0`)
  script.push(`/bin/busybox ip -6 route add default via ${web.routerAddress}`, 'exec /bin/busybox sleep 1000000')
  await using _container = nspawn(a.router, 'web', script.join('\n'))

  // What the commands print for the other ends; only tap0 is up by itself.
  await until(() => a.router.setUp('ve-web').then(() => true), 'the cable of the container')
  for (const { name, interface: link } of [row, web]) {
    const text = await daemon.cli('prefix', 'allocate', name, '--interface', link!)
    await a.router.run('sh', '-c', text.split('\n').find(line => line.startsWith('  ip '))!)
  }
  await until(async () => (await list(daemon)).every(({ state }) => state === 'routed'), 'both routes', 10_000)
  expect(await routeTo(a, row.prefix)).toBe(`${row.prefix} dev tap0 proto 80 metric 1024 pref medium`)
  await until(() => vm.linkLocal('eth0'), 'the card of the machine')
  await vm.ip('-6', 'address', 'add', `${inside(row)}/96`, 'dev', 'eth0', 'nodad')
  await vm.ip('-6', 'route', 'add', 'default', 'via', row.routerAddress!)
  await far.reaches(inside(row))
  await far.reaches(inside(web))
  await vm.reaches(inside(web))

  const { status, output } = await siteplane(
    a.router,
    ...['prefix', 'allocate', 'vm1', '--interface', 'tap1', '--socket', daemon.socket],
  )
  const taken = `vm1 is taken: ${row.prefix} on tap0; siteplane prefix release vm1 gives it up`
  expect([status, output]).toEqual([1, `siteplane: siteplane says: ${taken}\n`])
})
