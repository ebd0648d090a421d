/** What must not hurt: crashes, floods, damaged messages, a full disk. `make test-long` does more of the random ones. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { formatIp6, parsePrefix } from '../../appliance/base/ip6.ts'
import { addressOf } from '../../appliance/dhcp/binding.ts'
import { LeaseDatabase } from '../../appliance/dhcp/database.ts'
import { ask, client } from './dhcp-asks.ts'
import { DhcpLan } from './dhcp-lan.ts'
import { siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const kills = Number(process.env['KILLS'] ?? 30)
const damaged = Number(process.env['DAMAGED'] ?? 100_000)
const long = 60_000 + kills * 3_000 + damaged
const lifetimes = { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 }

test(
  `F10 ${kills} times kill -9 under load: no lease lost that a client was told of, no address with two holders`,
  async () => {
    await using lan = await DhcpLan.create({ advertise: false })
    const told = new Map<string, string>()
    await using storm = client(lan.lan.host, 'storm', '20000')
    let read = 0
    const hear = () => {
      for (const line of storm.lines.slice(read, -1)) {
        read++
        if (!line.startsWith('{"told"')) continue
        for (const [duid, address] of (JSON.parse(line) as { told: [string, string][] }).told) {
          expect(told.get(duid) ?? address).toBe(address)
          told.set(duid, address)
        }
      }
      return told.size
    }
    for (let kill = 0; kill < kills; kill++) {
      const lines = read
      await using server = await lan.serve({ lifetimes })
      await until(() => hear() > 0 && read > lines, 'answers', 20_000)
      await wait(Math.random() * 150)
      await server.kill()
      hear() // what is not stored though it was told can't come back
      const stored = storedLeases(join(lan.router.folder, 'leases.sqlite'))
      expect([...told].filter(([duid, address]) => stored.get(duid) !== address)).toEqual([])
      expect(new Set(stored.values()).size).toBe(stored.size)
    }
    await using server = await lan.serve({ lifetimes })
    storm.signal('SIGTERM')
    await storm.says(/"done":true/, 30_000)
    hear()
    const { leases, counters } = await server.status()
    const kept = new Map(leases.map(({ duid, address }) => [duid as string, address]))
    expect([...told].filter(([duid, address]) => kept.get(duid) !== address)).toEqual([])
    expect(told.size).toBeGreaterThan(kills * 20)
    expect(counters).toMatchObject({ bugs: 0, unstored: 0 })
  },
  long,
)

/** What the file of a server that is dead holds, by DUID. */
function storedLeases(path: string): Map<string, string> {
  using database = new LeaseDatabase(path)
  const site = parsePrefix(siteText)
  return new Map([...database.leases()].map(({ binding }) => [binding.duid, formatIp6(addressOf(site, binding.host))]))
}

test(
  `${damaged} damaged messages: it serves afterwards, says little, and does not grow`,
  async () => {
    await using lan = await DhcpLan.create({ advertise: false })
    const { host } = lan.lan
    await using server = await lan.serve()
    const address = await ask(host, '00:03:00:01:02:00:00:00:00:0b')
    await using first = client(host, 'mutate', '20000', '1')
    await first.says(/"done":true/, 30_000)
    const warm = await server.status()
    await using second = client(host, 'mutate', String(damaged - 20_000), '2')
    await second.says(/"done":true/, damaged)
    expect(await ask(host, '00:03:00:01:02:00:00:00:00:0b')).toBe(address)
    const { counters, memory, reasons } = await server.status()
    expect(counters.bugs).toBe(0)
    expect(counters.malformed).toBeGreaterThan(1000)
    expect(counters.received).toBeGreaterThan(damaged / 2)
    expect(reasons).toEqual([])
    expect(memory - warm.memory).toBeLessThan(48 << 20) // what the leases of the messages that were still good take
    expect(server.program.lines.filter(line => !line.startsWith('{"status"')).length).toBeLessThan(10)
  },
  long,
)

test('D23 a host that floods costs the others nothing, and is named', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const other = await lan.host('other', '02:00:00:00:00:0c')
  await using server = await lan.serve()
  await using flood = client(lan.lan.host, 'flood', '6')
  await flood.says(/flooding/, 10_000)
  await until(async () => (await server.status()).counters['ignored.flood'] > 0, 'the flood to be one', 6_000)
  await using loop = client(other, 'loop', '12')
  await loop.says(/"done":true/, 20_000)
  const repeated = loop.lines.filter(line => line.startsWith('{"repeated"'))
  expect(repeated.filter(line => line !== '{"repeated":0}').length).toBeLessThan(3) // the kernels drop some themselves
  expect(server.program.lines.join()).toMatch(/"from":"fe80::ff:fe00:b".*more DHCPv6 messages than can be answered/)
  await flood.says(/"done":true/, 20_000)
  expect((await server.status()).counters.bugs).toBe(0)
})

test('a full disk: it says so, gives no lease it can not keep, and recovers by itself', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { host } = lan.lan
  const disk = join(lan.router.folder, 'disk')
  const mounted = `mkdir -p ${disk} && mount -t tmpfs -o size=1m tmpfs ${disk} && exec "$@"`
  await using server = await lan.serve(
    { stateDirectory: disk, lifetimes },
    ['unshare', '--mount', 'sh', '-c', mounted, 'sh'], // the mount goes with the server
  )
  const first = '00:03:00:01:02:00:00:00:00:01'
  const address = await ask(host, first)
  const filler = join(`/proc/${server.program.pid}/root`, disk, 'filler')
  fill(filler)
  await using refused = client(host, 'ask', '00:03:00:01:02:00:00:00:00:02', '1')
  const full = await until(async () => {
    const status = await server.status()
    return status.reasons.length > 0 && status
  }, 'the server to say so')
  expect(full.reasons).toEqual([expect.stringMatching(/^leases can't be stored in .*: database or disk is full$/)])
  await wait(1_500) // it tries again each second
  expect(refused.lines).toEqual([])
  expect((await server.status()).leases.map(({ duid }) => duid)).toEqual([first])
  rmSync(filler)
  await refused.exited // its retransmissions are answered
  expect(JSON.parse(refused.lines.at(-1)!)).toMatchObject({ addresses: [expect.stringMatching(/^fc/)] })
  expect(await ask(host, first)).toBe(address)
  const { reasons, counters, leases } = await server.status()
  expect(reasons).toEqual([])
  expect(leases.length).toBe(2)
  expect(counters).toMatchObject({ bugs: 0, unstored: expect.any(Number) })
  expect(counters.unstored).toBeGreaterThan(0)
})

/** Takes all the room there is. */
function fill(path: string): void {
  for (let size = 1 << 16; size >= 1; size >>= 1) {
    try {
      for (;;) writeFileSync(path, new Uint8Array(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}
