import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Client } from './client.ts'
import { TwoSites } from './sites.ts'
import { until } from './until.ts'

const count = 100_000
const seed = 20_26
const mutate = fileURLToPath(new URL('mutate.ts', import.meta.url))
const networkHex = 'fc9c56c2e3' // of the lab
const megabyte = 1 << 20

test(`${count} mutated DHCPv6 and ICMPv6 packets of a LAN host: it serves on, says little, and grows by nothing`, async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host, stranger] = a.hosts
  await using daemon = a.start()
  await daemon.serving()
  new Client(host, 'dhclient')
  const address = await until(() => host.globalAddress('eth0', a.addressStart), 'an address', 20_000)
  await stranger.setUp('eth0')
  await stranger.linkLocal('eth0')

  const flood = async (packets: number, with_: number) => {
    const said = await stranger.run(process.execPath, mutate, 'eth0', networkHex, String(packets), String(with_))
    expect(said).toBe(`${packets} sent\n`)
    // Degraded it may be: among the packets are advertisements of a router that contradicts us.
    await daemon.hasStatus(({ lan }) => lan[0]?.state === 'serving', 'to serve its LAN')
  }
  await flood(count / 5, seed) // fills what is bounded: tables, caches, the heap's first size
  const lines = daemon.program.lines.length
  const memory = await daemon.memory()
  await flood(count, seed + 1)

  expect(daemon.program.lines.length - lines).toBeLessThan(count / 1000)
  expect(daemon.log).not.toContain('"level":"error"')
  expect((await daemon.memory()) - memory).toBeLessThan(32 * megabyte)
  const { counters } = (await daemon.status()).lan[0]!
  expect(
    counters['dhcpv6.received']! + counters['ra.invalid']! + counters['ra.foreignAdvertisements']!,
    'packets that were read',
  ).toBeGreaterThan(count / 2)
  const bugs = Object.entries(counters).filter(([name]) => name.endsWith('.bugs'))
  expect(bugs.length).toBeGreaterThan(1)
  expect(bugs.filter(([, count]) => count > 0)).toEqual([])
  // And it still does its work: the old host keeps its address, a new one gets its own.
  expect((await host.ping(a.address)).received).toBe(1)
  expect(await host.globalAddress('eth0', a.addressStart)).toBe(address)
  new Client(stranger, 'networkd')
  await until(() => stranger.globalAddress('eth0', a.addressStart), 'an address for a new host', 20_000)
}, 120_000)
