import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Attachment } from './attach.ts'
import { macs, networkPrefix, Path, type Traffic } from './path.ts'
import { rounds, span } from './rounds.ts'
import { Table } from './table.ts'

/** One router that is set up in one way, to stay so. */
interface Contender {
  readonly name: string
  readonly path: Path
}

const nextHop = 'fe80::5'
const placeholder = '00:00:5e:00:53:01'
const rewriting: Attachment = { overlay: ['rewrite'], lan: [] }
const everything: Attachment = {
  overlay: ['rewrite', 'emulate', 'proxy', 'guard', 'count', 'bound'],
  lan: ['proxy', 'guard', 'bound'],
}

const flows: readonly (Traffic & { readonly name: string })[] = [
  { name: '1 destination', destinations: 1, sites: 1 },
  { name: '1,000 destinations in 1,000 sites', destinations: 1_000, sites: 1_000 },
  { name: '100,000 destinations in 1,000 sites', destinations: 100_000, sites: 1_000 },
  { name: '1,000,000 destinations in 1,000 sites', destinations: 1_000_000, sites: 1_000 },
  { name: '1,000,000 destinations in 1,000,000 sites', destinations: 1_000_000, sites: 1_000_000 },
]

async function forwarding(): Promise<Path> {
  const path = await Path.create()
  await path.router.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  return path
}

async function oneNeighbour(mac: string): Promise<Path> {
  const path = await forwarding()
  await path.router.ip('-6', 'neigh', 'add', nextHop, 'lladdr', mac, 'dev', 'zt0', 'nud', 'permanent')
  await path.router.ip('-6', 'route', 'add', networkPrefix, 'via', nextHop, 'dev', 'zt0')
  return path
}

async function programs(attachment: Attachment): Promise<Path> {
  const path = await oneNeighbour(placeholder)
  await path.attach(attachment)
  return path
}

async function onLink(): Promise<Path> {
  const path = await forwarding()
  await path.router.ip('-6', 'route', 'add', networkPrefix, 'dev', 'zt0')
  return path
}

const contenders: Contender[] = []
let base: Path

beforeAll(async () => {
  contenders.push(
    { name: 'rewrite alone', path: await programs(rewriting) },
    { name: 'all programs', path: await programs(everything) },
    { name: 'plain, one neighbour', path: await oneNeighbour(macs.sink) },
    { name: 'stock, on-link /40', path: await onLink() },
  )
  base = await Path.create()
}, 60_000)

afterAll(async () => {
  for (const { path } of contenders) await path[Symbol.asyncDispose]()
  await base[Symbol.asyncDispose]()
})

test('packets a second of one core that arrive, by destinations', async () => {
  const table = new Table('forwarding')
  for (let round = 0; round < rounds; round++) {
    for (const { name, ...traffic } of flows) {
      const work = { name, unit: 'Mpps', better: 'more' } as const
      for (const { name: contender, path } of contenders) {
        const flow = await path.send(traffic, span)
        table.add(work, contender, (flow.delivered / flow.sent / flow.nanoseconds) * 1e3)
        if (!contender.startsWith('stock')) expect(flow.delivered, contender).toBeGreaterThanOrEqual(flow.sent)
      }
    }
  }
  table.save()
})
