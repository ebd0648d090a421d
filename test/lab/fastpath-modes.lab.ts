/** How packets find their next hop between two sites, in each mode and through every change of it. */
import { expect, test } from 'vitest'
import { Capture } from './capture.ts'
import type { Daemon } from './daemon.ts'
import { Flow } from './flow.ts'
import { type Site, TwoSites } from './sites.ts'

const modes = ['stateless', 'emulate', 'netlink', 'off'] as const
type Mode = (typeof modes)[number]

const placeholder = { dst: 'fe80::5', lladdr: '00:00:5e:00:53:01' }

/** Two daemons in these modes, and a host with an address on each side. */
async function serve({ a, b }: TwoSites, mode: Mode, far: Mode = mode) {
  const near = a.start({ configuration: a.configuration(`fastPath: ${mode}\n`) })
  const other = b.start({ configuration: b.configuration(`fastPath: ${far}\n`) })
  await Promise.all([near.serving(), other.serving()])
  const addresses = await Promise.all([a.settle(a.hosts[0], 0xa1n), b.settle(b.hosts[0], 0xb1n)])
  return { near, other, mine: addresses[0], theirs: addresses[1] }
}

/** The overlay's neighbours outside the link-local addresses of the routers themselves. */
async function neighbours({ router }: Site) {
  const all = await router.ip<{ dst: string; lladdr?: string }>('-6', 'neighbour', 'show', 'dev', 'zt0')
  return all
    .map(({ dst, lladdr }) => ({ dst, lladdr }))
    .filter(({ dst }) => !dst.startsWith('fe80::') || dst === 'fe80::5')
}

test.for(modes)('%s: hosts of two sites reach each other, and the status says so', async mode => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const solicited = 'icmp6 and ip6[40] == 135'
  await using atA = await Capture.start(a.router, 'zt0', solicited)
  await using atB = await Capture.start(b.router, 'zt0', solicited)
  // Where nobody computes, somebody must answer: the far site does, as ZeroTier would.
  const { near, other, mine, theirs } = await serve(sites, mode, mode === 'off' ? 'stateless' : mode)
  await using _ = near
  await using __ = other
  expect((await near.status()).fastPath.mode).toBe(mode)
  await a.hosts[0].reaches(theirs)
  await b.hosts[0].reaches(mine)
  await a.router.reaches(b.address)
  await a.hosts[0].reaches(b.address)

  const about = [...atA.packets, ...atB.packets].filter(line => line.includes(`who has ${networkStart(sites)}`))
  const known = await neighbours(a)
  if (mode === 'stateless' || mode === 'emulate') expect(about, 'solicitations on the overlay').toEqual([])
  if (mode === 'off') expect(about.length, 'solicitations on the overlay').toBeGreaterThan(0)
  if (mode === 'stateless') expect(known).toEqual([placeholder])
  else expect(known).toContainEqual({ dst: theirs, lladdr: b.place.mac })
})

const networkStart = (sites: TwoSites) => sites.networkPrefix.slice(0, 'fc9c:56c2:e3'.length)

// Each mode after each other one, once.
const order: readonly Mode[] = [
  ...(['emulate', 'netlink', 'off', 'stateless', 'netlink', 'emulate'] as const),
  ...(['stateless', 'off', 'emulate', 'off', 'netlink', 'stateless'] as const),
]

test('each change of the mode by a reload, from each to each, loses none of 1,000 packets a second in either direction', async ({
  annotate,
}) => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const { near, other, mine, theirs } = await serve(sites, 'stateless')
  await using _ = near
  await using __ = other
  const [left, right] = [a.hosts[0], b.hosts[0]]
  await left.reaches(theirs)
  await right.reaches(mine)
  await using out = await Flow.start(left, right, theirs, 1_000)
  await using back = await Flow.start(right, left, mine, 1_000)
  for (const mode of order) {
    near.configure(a.configuration(`fastPath: ${mode}\n`))
    near.reload()
    await near.hasStatus(({ fastPath }) => fastPath.mode === mode, `to say ${mode}`)
    await Promise.all([out.goesOn(200), back.goesOn(200)])
  }
  const results = [await out.stop(), await back.stop()]
  await annotate(`${order.length} changes: ${JSON.stringify(results)}`)
  expect(results.map(({ lost }) => lost)).toEqual([0, 0])
})

test('a reload from stateless to emulate, and back, loses nothing of what goes to a hundred hosts', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const { near, other } = await serve(sites, 'stateless', 'off')
  await using _ = near
  await using __ = other
  const [left, right] = [a.hosts[0], b.hosts[0]]
  const many = Array.from({ length: 100 }, (_, i) => b.addressAt(0xc00n + BigInt(i)))
  for (const each of many) await right.ip('address', 'add', `${each}/80`, 'dev', 'eth0', 'nodad')
  await left.reaches(many[0]!)
  await using flow = await Flow.start(left, right, many, 2_000)
  for (const mode of ['emulate', 'stateless', 'emulate'] as const) {
    await flow.goesOn(500)
    near.configure(a.configuration(`fastPath: ${mode}\n`))
    near.reload()
    await near.hasStatus(({ fastPath }) => fastPath.mode === mode, `to say ${mode}`)
  }
  await flow.goesOn(1_000)
  expect(await flow.stop()).toMatchObject({ lost: 0 })
})

test.for(['stateless', 'emulate'] as const)(
  '%s: what crosses is counted for the site that it goes to and comes from',
  async mode => {
    await using sites = await TwoSites.create()
    const { a, b } = sites
    const { near, other, theirs } = await serve(sites, mode)
    await using _ = near
    await using __ = other
    await a.hosts[0].reaches(theirs)
    const row = async (daemon: Daemon, of: Site) => (await daemon.sites()).find(({ node }) => node === of.node)
    const before = [await row(near, b), await row(other, a)]
    await using flow = await Flow.start(a.hosts[0], b.hosts[0], theirs, 1_000)
    await flow.goesOn(1_000)
    const { sent, lost } = await flow.stop()
    expect(lost).toBe(0)
    const after = [await row(near, b), await row(other, a)]
    const out = after[0]!.outPackets - before[0]!.outPackets
    expect(out).toBeGreaterThanOrEqual(sent)
    expect(out).toBeLessThan(sent + 20) // neighbour discovery and the like
    expect(after[1]!.inPackets - before[1]!.inPackets).toBe(out)
    expect(after.map(site => site!.drops)).toEqual([0, 0])
    expect(Date.now() - Date.parse(after[1]!.lastSeen!)).toBeLessThan(10_000)
    expect(await other.cli('sites')).toContain(a.node)
  },
)

/** What the fast path has put on the links of a router. */
async function traces(site: Site): Promise<Record<string, string>> {
  const { router } = site
  const found: Record<string, string> = {}
  found['programs'] = (await site.standing('zt0', 'lan0')).join(', ')
  for (const link of ['zt0', 'lan0']) {
    found[`${link} disciplines`] = (await router.run('tc', 'qdisc', 'show', 'dev', link)).trim()
  }
  found['neighbours'] = JSON.stringify(await neighbours({ router } as Site))
  found['routes'] = (await router.run('ip', '-6', 'route', 'show', 'table', 'all'))
    .replace(/^.*(fe80|ff00|local).*\n/gm, '')
    .trim()
  return found
}

test('SIGTERM takes programs, hooks, neighbour and routes away', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const before = await traces(a)
  const daemon: Daemon = a.start()
  await using _ = daemon
  await daemon.serving()
  const there = await traces(a)
  expect(there['programs']).toBe('zt0 ingress 1, zt0 egress 1, lan0 ingress 1, lan0 egress 0')
  expect(there['neighbours']).toBe(JSON.stringify([placeholder]))
  expect(await daemon.stop()).toEqual({ status: 0, signal: undefined })
  expect(await traces(a)).toEqual(before)
})
