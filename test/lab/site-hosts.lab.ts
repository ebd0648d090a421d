import { expect, test } from 'vitest'
import { Client, type ClientName, clients } from './client.ts'
import { networkRoutes } from './routes.ts'
import { TwoSites } from './sites.ts'
import { until } from './until.ts'

const kinds = ['dhclient', 'dhcpcd', 'networkd', 'networkManager'] as const
const kindOf = (i: number): ClientName => kinds[i % kinds.length]!

test('stock hosts of two sites reach each other, each way, with no setting on any of them', async () => {
  await using sites = await TwoSites.create()
  await using a = sites.a.start()
  await using b = sites.b.start()
  await Promise.all([a.serving(), b.serving()])

  const hosts = sites.all.flatMap(site => site.hosts.map(host => ({ site, host })))
  const found = await Promise.all(
    hosts.map(async ({ site, host }, i) => {
      const { kind } = new Client(host, kindOf(i))
      const what = `${kind.title} on ${host.name} to have an address of ${site.prefix}`
      return await until(() => host.globalAddress('eth0', site.addressStart), what, 20_000)
    }),
  )
  expect(new Set(found).size).toBe(4)

  for (const [i, from] of hosts.entries()) {
    for (const [k, to] of hosts.entries()) {
      if (i === k) continue
      expect((await from.host.ping(found[k]!, { wait: 2 })).received, `${from.host.name} → ${to.host.name}`).toBe(1)
    }
    // The routers, too: the own one and the other one.
    for (const { address } of sites.all) expect((await from.host.ping(address, { wait: 2 })).received).toBe(1)
  }

  const leases = [...(await a.leases()), ...(await b.leases())]
  expect(leases.map(({ address, state }) => [address, state]).sort()).toEqual(found.map(x => [x, 'bound']).sort())
  expect((await a.status()).lan).toMatchObject([{ interface: 'lan0', state: 'serving', activeLeases: 2 }])
})

test('a host with the kernel alone and an address set by hand is reached from the other site', async () => {
  await using sites = await TwoSites.create()
  await using a = sites.a.start()
  await using b = sites.b.start()
  await Promise.all([a.serving(), b.serving()])
  const [[left], [right]] = [sites.a.hosts, sites.b.hosts]
  for (const host of [left, right]) {
    new Client(host, 'kernel')
    const hasRoute = async () => (await networkRoutes(host, sites)).length > 0
    await until(hasRoute, `${clients.kernel.title} to learn the route`)
  }
  const [mine, theirs] = [sites.a.addressAt(0x1234n), sites.b.addressAt(0x7fff_0000_0001n)]
  await left.ip('address', 'add', `${mine}/128`, 'dev', 'eth0')
  await right.ip('address', 'add', `${theirs}/128`, 'dev', 'eth0')
  await left.reaches(theirs)
  await right.reaches(mine)
  // No routers' table grew for them: what tells the way is arithmetic.
  const neighbours = await sites.a.router.ip('-6', 'neighbour', 'show', 'nud', 'all', 'dev', 'zt0')
  expect(neighbours.map(({ dst }) => dst)).not.toContain(theirs)
})

test('a packet to an address of nobody comes back as unreachable, and never leaves for the internet', async () => {
  await using sites = await TwoSites.create()
  await using a = sites.a.start()
  await a.serving()
  const [host] = sites.a.hosts
  new Client(host, 'networkd')
  await until(() => host.globalAddress('eth0', sites.a.addressStart), 'an address', 20_000)
  // c0–ff of the own /80 is for delegation, and nothing is delegated.
  const { received, complaints } = await host.ping(sites.a.addressAt(0xc0_00_00_00_00_01n), { wait: 2 })
  expect(received).toBe(0)
  expect(complaints.join()).toMatch(/Destination unreachable/)
})
