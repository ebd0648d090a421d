import { expect, test } from 'vitest'
import { formatIp6, type Ip6 } from '../../appliance/base/ip6.ts'
import { type Site, siteOf } from '../../appliance/plane/site.ts'
import { type NodeAddress, parseNetworkId } from '../../appliance/plane/sixplane.ts'
import { Daemon } from '../lab/daemon.ts'
import type { Host } from '../lab/host.ts'
import { Lab } from '../lab/lab.ts'
import type { Program } from '../lab/program.ts'
import { until } from '../lab/until.ts'
import { network } from './path.ts'
import { median, Table } from './table.ts'

/** One site of either kind: its router, or the bridge in its place, and the hosts behind it. */
interface Place {
  readonly site: Site
  readonly router: Host
  readonly hosts: readonly Host[]
}

/** What one site carries once everybody has talked. */
interface Load {
  readonly groups: number // broadcasts and multicasts that came from the overlay
  readonly entries: number // of its forwarding table and its neighbours on the overlay
  readonly neighbours: number // that one of its hosts holds
}

type Kind = 'siteplane' | 'bridged'

const sizes = [
  { sites: 2, hosts: 2 },
  { sites: 4, hosts: 2 },
  { sites: 4, hosts: 6 },
  { sites: 8, hosts: 2 },
]

const addressOf = (site: Site, host: number) => formatIp6((site.sitePrefix.address | BigInt(0x10000 + host)) as Ip6)

async function build(lab: Lab, kind: Kind, size: (typeof sizes)[number]): Promise<Place[]> {
  const overlay = await lab.switch('overlay')
  const places: Place[] = []
  for (let i = 0; i < size.sites; i++) {
    const site = siteOf(parseNetworkId(network), (0x11aa22bb00n + BigInt(i)) as NodeAddress)
    const router = await lab.host(`r${i}`)
    await overlay.plug({ host: router, link: 'zt0', mac: site.mac }, 2800)
    await router.run('sysctl', '-qw', 'net.ipv6.conf.zt0.accept_dad=0')
    await router.setUp('zt0')
    await router.ip('link', 'add', 'lan0', 'type', 'bridge', 'mcast_snooping', '0')
    if (kind === 'bridged') await router.ip('link', 'set', 'zt0', 'master', 'lan0')
    await router.setUp('lan0')
    const hosts: Host[] = []
    for (let n = 0; n < size.hosts; n++) {
      const host = await lab.host(`h${i}x${n}`)
      await lab.cable({ host, link: 'eth0' }, { host: router, link: `port${n}` })
      await host.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0', 'net.ipv6.conf.eth0.accept_ra=0')
      for (const [on, link] of [
        [host, 'eth0'],
        [router, `port${n}`],
      ] as const)
        await on.setUp(link)
      await router.ip('link', 'set', `port${n}`, 'master', 'lan0')
      const length = kind === 'bridged' ? 40 : 80
      await host.ip('address', 'add', `${addressOf(site, n)}/${length}`, 'dev', 'eth0', 'nodad')
      await host.ip('address', 'add', `10.0.${i}.${n + 1}/16`, 'dev', 'eth0')
      if (kind === 'siteplane')
        await host.ip('-6', 'route', 'add', 'default', 'via', formatIp6(site.address), 'dev', 'eth0')
      hosts.push(host)
    }
    places.push({ site, router, hosts })
  }
  return places
}

/** Watches what comes from the overlay for more than one station. */
async function watch(router: Host): Promise<Program> {
  const options = ['-Z', 'root', '-i', 'zt0', '-Q', 'in', '-n', '-l', '--immediate-mode', 'ether multicast']
  const capture = router.spawn(['tcpdump', ...options])
  await capture.says(/listening on/)
  return capture
}

const frames = (capture: Program) => capture.lines.filter(line => /^\d\d:\d\d:/.test(line)).length

/** Every host with one host of each other site, and by IPv4 with its neighbour on the LAN. */
async function talk(places: readonly Place[]): Promise<void> {
  for (const [i, { hosts }] of places.entries()) {
    await Promise.all(
      hosts.map(async (host, n) => {
        for (const [j, other] of places.entries())
          if (j !== i) expect((await host.ping(addressOf(other.site, n), { wait: 3 })).received).toBe(1)
        await host.run('ping', '-c', '1', '-W', '3', `10.0.${i}.${((n + 1) % hosts.length) + 1}`)
      }),
    )
  }
}

async function load(places: readonly Place[], captures: readonly Program[]): Promise<Load> {
  const all: Load[] = []
  for (const [i, { router, hosts }] of places.entries()) {
    const fdb = JSON.parse(await router.run('bridge', '-json', 'fdb', 'show', 'brport', 'zt0')) as { state?: string }[]
    const neighbours = await router.ip('-6', 'neigh', 'show', 'dev', 'zt0', 'nud', 'all')
    all.push({
      groups: frames(captures[i]!),
      entries: fdb.filter(({ state }) => state !== 'permanent').length + neighbours.length,
      neighbours: (await hosts[0]!.ip('neigh', 'show', 'dev', 'eth0')).length,
    })
  }
  const of = (pick: (each: Load) => number) => median(all.map(pick))
  return { groups: of(l => l.groups), entries: of(l => l.entries), neighbours: of(l => l.neighbours) }
}

async function measure(kind: Kind, size: (typeof sizes)[number]): Promise<Load> {
  await using lab = await Lab.create()
  const places = await build(lab, kind, size)
  await using daemons = new AsyncDisposableStack()
  if (kind === 'siteplane')
    await Promise.all(
      places.map(async ({ site, router }) => {
        const node = site.node.toString(16)
        const overlay = `overlay: { kind: static, network: "${network}", node: "${node}", interface: zt0 }`
        const daemon = new Daemon(router, {
          configuration: `${overlay}\nlan: [{ interface: lan0 }]\nfastPath: stateless\n`,
        })
        await daemons.use(daemon).serving(30_000)
      }),
    )
  const hosts = places.flatMap(place => place.hosts)
  await until(async () => (await Promise.all(hosts.map(each => each.linkLocal('eth0')))).length > 0, 'link-locals')
  const captures = await Promise.all(places.map(({ router }) => watch(router)))
  await talk(places)
  return await load(places, captures)
}

test('what each site carries, routed and bridged, as sites and hosts grow', async () => {
  const table = new Table('bridged')
  for (const size of sizes)
    for (const kind of ['siteplane', 'bridged'] as const) {
      const { groups, entries, neighbours } = await measure(kind, size)
      const at = `${size.sites} sites of ${size.hosts} hosts`
      const work = (name: string) => ({ name: `${at}: ${name}`, unit: 'each', better: 'less' }) as const
      table.add(work('broadcasts and multicasts from the overlay'), kind, groups)
      table.add(work('entries for the overlay in its tables'), kind, entries)
      table.add(work('neighbours of a host'), kind, neighbours)
      if (kind === 'siteplane') expect(entries).toBeLessThanOrEqual(3)
    }
  table.save()
})
