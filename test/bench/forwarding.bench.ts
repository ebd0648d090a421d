import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Daemon } from '../lab/daemon.ts'
import { until } from '../lab/until.ts'
import type { Attachment } from './attach.ts'
import { macs, network, networkPrefix, node, Path, type Traffic } from './path.ts'
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

/** A router with a policy rule of its own: Linux then looks every route up by way of its rules, whatever they say. */
async function ruled(): Promise<Path> {
  const path = await oneNeighbour(macs.sink)
  await path.router.ip('-6', 'rule', 'add', 'to', networkPrefix, 'lookup', '80', 'pref', '1080')
  await path.router.ip('-6', 'route', 'add', networkPrefix, 'via', nextHop, 'dev', 'zt0', 'table', '80')
  return path
}

const daemons: Daemon[] = []

async function daemon(mode: string): Promise<Path> {
  const path = await Path.create()
  const overlay = `overlay: { kind: static, network: "${network}", node: "${node}", interface: zt0 }`
  const started = new Daemon(path.router, {
    configuration: `${overlay}\nlan: [{ interface: lan0 }]\nfastPath: ${mode}\n`,
  })
  daemons.push(started)
  const { fastPath } = await started.serving()
  expect(fastPath.mode).toBe(mode)
  return path
}

async function onLink(): Promise<Path> {
  const path = await forwarding()
  await path.router.ip('-6', 'route', 'add', networkPrefix, 'dev', 'zt0')
  return path
}

const contenders: Contender[] = []

beforeAll(async () => {
  contenders.push(
    { name: 'rewrite alone', path: await programs(rewriting) },
    { name: 'all programs', path: await programs(everything) },
    { name: 'plain, one neighbour', path: await oneNeighbour(macs.sink) },
    { name: 'stock, on-link /40', path: await onLink() },
    { name: 'plain, with a rule', path: await ruled() },
    { name: 'siteplane, stateless', path: await daemon('stateless') },
    { name: 'siteplane, emulate', path: await daemon('emulate') },
    { name: 'siteplane, netlink', path: await daemon('netlink') },
  )
}, 60_000)

afterAll(async () => {
  for (const each of daemons) await each.stop()
  for (const { path } of contenders) await path[Symbol.asyncDispose]()
})

/** Those that hold a neighbour for each destination lose most of a million, as stock routers do. */
const bounded = /stock|emulate|netlink/

/** Where what is left in the kernel is compared. */
const extremes = [1, 1_000_000]

/** `ip` gives up where an entry goes while it looks, and in netlink mode we take some away ourselves. */
const flushed = ({ router }: Path) =>
  router.ip('-6', 'neigh', 'flush', 'dev', 'zt0').then(
    () => true,
    () => false,
  )

/** What the kernel holds for itself and can't give back, in MiB. */
function kernelMemory(): number {
  return Number(/^SUnreclaim: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) / 1024
}

test('packets a second of one core that arrive, by destinations', async () => {
  const table = new Table('forwarding')
  const state = new Table('forwarding-state')
  for (let round = 0; round < rounds; round++) {
    for (const { name, ...traffic } of flows) {
      const work = { name, unit: 'Mpps', better: 'more' } as const
      for (const { name: contender, path } of contenders) {
        const before = kernelMemory()
        const flow = await path.send(traffic, span)
        const grown = kernelMemory() - before
        table.add(work, contender, (flow.delivered / flow.sent / flow.nanoseconds) * 1e3)
        if (!bounded.test(contender)) expect(flow.delivered, contender).toBeGreaterThanOrEqual(flow.sent)
        if (extremes.includes(traffic.destinations)) {
          const entries = await path.neighbours()
          state.add({ name: `neighbours after ${name}`, unit: 'entries', better: 'less' }, contender, entries)
          state.add({ name: `kernel memory for ${name}`, unit: 'MiB', better: 'less' }, contender, grown)
        }
        await until(() => flushed(path), 'the neighbours to be gone') // the kernel's limit is one for the whole machine
      }
    }
  }
  table.save()
  state.save()
})
