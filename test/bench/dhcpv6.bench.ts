/**
 * DHCPv6 beside the servers that people have: the server on one processor, perfdhcp on the other, a veth cable between them.
 * Takes about half an hour; `ROUNDS=1 CLIENTS=1000` is a look at it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import type { Host } from '../lab/host.ts'
import { Lab } from '../lab/lab.ts'
import { run } from '../lab/program.ts'
import { network } from '../lab/sites.ts'
import { type DhcpServer, fetchServers, node, servers, site } from './dhcp-servers.ts'
import { capacity, perfdhcp } from './perfdhcp.ts'
import { quantile, Table, type Work } from './table.ts'

const rounds = Number(process.env['ROUNDS'] ?? 3)
const counts = (process.env['CLIENTS'] ?? '1000,20000,100000').split(',').map(Number)
const many = Number(process.env['STORED'] ?? 100_000)
const only = process.env['SERVERS']?.split(',')
const contenders = only ? servers.filter(({ name }) => only.includes(name)) : servers
const table = new Table('dhcpv6')

/** A router with a cable to one host, both ready, and a server on it. */
async function onLan<T>(server: DhcpServer, body: (lan: RunningServer) => Promise<T>): Promise<T> {
  await using lab = await Lab.create()
  const router = await lab.host('router')
  const client = await lab.host('client')
  const { mac } = siteOf(parseNetworkId(network), parseNodeAddress(node))
  await lab.cable({ host: router, link: 'lan0' }, { host: client, link: 'eth0' })
  await lab.cable({ host: router, link: 'zt0', mac }, { host: client, link: 'zt0' })
  for (const host of [router, client]) {
    await host.run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0')
    for (const link of [host === router ? 'lan0' : 'eth0', 'zt0']) {
      await host.run('sysctl', '-qw', `net.ipv6.conf.${link}.accept_dad=0`)
      await host.setUp(link)
    }
  }
  await router.ip('-6', 'address', 'add', `${site}:1/80`, 'dev', 'lan0', 'nodad')
  const running = new RunningServer(server, router, client)
  await running.start()
  try {
    return await body(running)
  } finally {
    await running.stop()
  }
}

class RunningServer {
  readonly server: DhcpServer
  readonly router: Host
  readonly client: Host
  #program: ReturnType<DhcpServer['start']> | undefined

  constructor(server: DhcpServer, router: Host, client: Host) {
    this.server = server
    this.router = router
    this.client = client
  }

  /** Starts it, and returns the milliseconds from there to its first answer. */
  async start(): Promise<number> {
    await using asker = this.client.spawn([process.execPath, new URL('first-answer.ts', import.meta.url).pathname])
    await asker.says(/solicits/)
    const began = performance.timeOrigin + performance.now()
    const program = this.server.start(this.router)
    this.#program = program
    const answer = asker.says(/answered at ([\d.]+)/, 60_000)
    const dead = program.exited.then(() => {
      throw new Error(`${this.server.name} ended: ${program.output}`)
    })
    const [, at] = await Promise.race([answer, dead])
    return Number(at) - began
  }

  async stop(): Promise<void> {
    await this.#program?.stop('SIGTERM', 20_000)
  }

  /** Resident memory in MB. */
  async memory(): Promise<number> {
    const status = await run('cat', `/proc/${this.#program?.pid}/status`)
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
  }

  /** Gives that many clients a lease each: what the first pass loses the second one makes up for. */
  async fill(clients: number): Promise<void> {
    await perfdhcp(this.client, { rate: 3_000, clients, exchanges: clients })
    const { lost } = await perfdhcp(this.client, { rate: 3_000, clients, exchanges: clients })
    if (lost > 0.2) throw new Error(`${this.server.name} does not give ${clients} leases`)
  }
}

beforeAll(fetchServers, 300_000)
afterAll(() => table.save())

/** Seconds at a rate that all bear: what a server compiles while it runs is compiled then, as it is on the second minute of any router. */
const warm = { latency: 30, capacity: 10 }

const exchanges = (clients: number): Work => ({
  name: `4-way exchanges of ${clients.toLocaleString('en')} clients`,
  unit: 'per second, under 1 % lost',
  better: 'more',
})

// Decides: is a lease on disk before each Reply fast enough for everybody? Yes, while nobody who syncs less is faster.
test.for(counts)('exchanges of %i clients', async clients => {
  const near = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    for (const server of contenders) {
      const found = await onLan(server, async ({ client }) => {
        await perfdhcp(client, { rate: 500, clients, seconds: warm.capacity })
        return capacity(client, clients, near.get(server.name))
      })
      near.set(server.name, found)
      table.add(exchanges(clients), server.name, found)
    }
  }
  expect(table.median(exchanges(clients), contenders[0]!.name)).toBeGreaterThan(1_000)
})

const latencies = (['solicit', 'request'] as const).map(exchange =>
  ([0.5, 0.99] as const).map(part => ({
    exchange,
    part,
    work: {
      name: `${exchange === 'solicit' ? 'Solicit to Advertise' : 'Request to Reply'} at 500/s, ${part * 100} %`,
      unit: 'ms',
      better: 'less',
    } satisfies Work,
  })),
)

test('latency at 500 exchanges a second', async () => {
  for (let round = 0; round < rounds; round++) {
    for (const server of contenders) {
      await onLan(server, async ({ client }) => {
        await perfdhcp(client, { rate: 500, clients: 20_000, seconds: warm.latency })
        const result = await perfdhcp(client, { rate: 500, clients: 20_000, seconds: 10, timers: true })
        for (const { exchange, part, work } of latencies.flat())
          table.add(work, server.name, quantile(result[exchange], part))
      })
    }
  }
}, 900_000)

const memory: Work = { name: `memory with ${many.toLocaleString('en')} leases`, unit: 'MB', better: 'less' }
const restart: Work = { name: 'restart with as many, to the first answer', unit: 'ms', better: 'less' }

// Decides: does the server keep its leases in memory? While it fits beside the rest of a small router.
test(`${many} leases: memory and restart`, async () => {
  for (const server of contenders.filter(({ name }) => name !== 'dnsmasq')) {
    await onLan(server, async running => {
      await running.fill(many)
      table.add(memory, server.name, await running.memory())
      for (let round = 0; round < rounds; round++) {
        await running.stop()
        table.add(restart, server.name, await running.start())
      }
    })
  }
}, 900_000)

const stored = 300_000
const besides: Work = {
  name: `4-way exchanges of 1,000 clients beside ${stored.toLocaleString('en')} stored leases`,
  unit: 'per second, under 1 % lost',
  better: 'more',
}

test('the same beside 300,000 stored leases', async () => {
  const [server] = contenders
  await onLan(server!, async running => {
    await running.fill(stored)
    for (let round = 0; round < rounds; round++) table.add(besides, server!.name, await capacity(running.client, 1_000))
  })
}, 900_000)
