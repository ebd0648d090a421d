import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIp6, type Ip6 } from '../../appliance/base/ip6.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Daemon } from '../lab/daemon.ts'
import type { Host } from '../lab/host.ts'
import { Lab } from '../lab/lab.ts'
import { run } from '../lab/program.ts'
import { network, site } from './path.ts'
import { rounds } from './rounds.ts'
import { median, quantile, Table } from './table.ts'

const tool = 'build/bench/first-packet'
const peer = siteOf(parseNetworkId(network), parseNodeAddress('7711223344'))
const firstHost = 0x10000
const address = (host: number) => formatIp6((peer.sitePrefix.address | BigInt(host)) as Ip6)

/** How many fresh addresses a round asks for; all rounds together stay under the kernel's 1,024 neighbours. */
const few = 8
const many = 40

/** A way in which the sender's router learns where a packet to the peer's site goes. */
interface Contender {
  readonly name: string
  readonly fresh: number
  readonly setUp: (sender: Host, receiver: Host) => Promise<void>
}

const hosts = (count: number) => Array.from({ length: count * rounds }, (_, i) => address(firstHost + i))

async function batch(host: Host, lines: readonly string[]): Promise<void> {
  const file = join(host.folder, 'batch')
  writeFileSync(file, `${lines.join('\n')}\n`)
  await host.run('ip', '-batch', file)
}

/** As ZeroTier sets its interface up. */
async function onLink(sender: Host, receiver: Host): Promise<void> {
  await sender.ip('address', 'add', `${formatIp6(site.address)}/40`, 'dev', 'zt0', 'nodad')
  await receiver.ip('address', 'add', `${formatIp6(peer.address)}/40`, 'dev', 'zt0', 'nodad')
}

const daemons: Daemon[] = []

const ours = (mode: string): Contender => ({
  name: mode,
  fresh: many,
  async setUp(sender) {
    const overlay = `overlay: { kind: static, network: "${network}", node: "11aa22bb33", interface: zt0 }`
    const daemon = new Daemon(sender, { configuration: `${overlay}\nlan: [{ interface: lan0 }]\nfastPath: ${mode}\n` })
    daemons.push(daemon)
    const { fastPath } = await daemon.serving()
    expect(fastPath.mode).toBe(mode)
  },
})

const contenders: readonly Contender[] = [
  ...['stateless', 'emulate', 'netlink'].map(ours),
  {
    name: 'ordinary NDP',
    fresh: many,
    async setUp(sender, receiver) {
      await onLink(sender, receiver)
      await batch(
        receiver,
        hosts(many).map(each => `address add ${each}/128 dev zt0 nodad`),
      )
    },
  },
  {
    name: 'ndppd',
    fresh: many,
    async setUp(sender, receiver) {
      await onLink(sender, receiver)
      const file = join(receiver.folder, 'ndppd.conf')
      writeFileSync(file, `proxy zt0 { rule ${formatIp6(peer.sitePrefix.address)}/80 { static } }\n`)
      await receiver.spawn(['ndppd', '-c', file, '-p', join(receiver.folder, 'ndppd.pid')]).says(/\(notice\)/)
    },
  },
  {
    name: 'kernel proxy_ndp',
    fresh: few,
    async setUp(sender, receiver) {
      await onLink(sender, receiver)
      await receiver.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.zt0.proxy_ndp=1')
      await batch(
        receiver,
        hosts(few).map(each => `neighbour add proxy ${each} dev zt0`),
      )
    },
  },
]

const pairs = new Map<string, { readonly sender: Host; readonly receiver: Host }>()
let lab: Lab

beforeAll(async () => {
  lab = await Lab.create()
  for (const [i, { name, setUp }] of contenders.entries()) {
    const [sender, receiver] = [await lab.host(`s${i}`), await lab.host(`r${i}`)]
    await lab.cable({ host: sender, link: 'zt0', mac: site.mac }, { host: receiver, link: 'zt0', mac: peer.mac }, 2800)
    await lab.cable({ host: sender, link: 'lan0' }, { host: receiver, link: 'lan0' })
    for (const each of [sender, receiver]) {
      await each.run('sysctl', '-qw', 'net.ipv6.conf.zt0.accept_dad=0')
      for (const link of ['lan0', 'zt0']) await each.setUp(link)
    }
    // Each router has a core of its own, as if it were a machine: what arrives is dealt with on the core of who it is for.
    await sender.run('sh', '-c', 'echo 1 >/sys/class/net/zt0/queues/rx-0/rps_cpus')
    await receiver.run('sh', '-c', 'echo 2 >/sys/class/net/zt0/queues/rx-0/rps_cpus')
    await setUp(sender, receiver)
    pairs.set(name, { sender, receiver })
  }
}, 60_000)

afterAll(async () => {
  for (const daemon of daemons) await daemon.stop()
  await lab[Symbol.asyncDispose]()
})

test('the first packet to a fresh address', async () => {
  const table = new Table('first-packet')
  for (let round = 0; round < rounds; round++)
    for (const { name, fresh } of contenders) {
      const { sender, receiver } = pairs.get(name)!
      const first = address(firstHost + round * fresh)
      const printed = await run('taskset', '-c', '0', tool, sender.netns, receiver.netns, 'zt0', first, String(fresh))
      await sender.run('ip', '-6', 'neigh', 'flush', 'dev', 'zt0') // the kernel's limit is one for the whole machine
      const all = printed.trim().split('\n').map(Number)
      const times = all.filter(each => each >= 0).map(each => each / 1e3)
      table.add({ name: 'first packet, median', unit: 'µs', better: 'less' }, name, median(times))
      table.add({ name: 'first packet, 95 %', unit: 'µs', better: 'less' }, name, quantile(times, 0.95))
      table.add({ name: 'never arrived', unit: 'of 100', better: 'less' }, name, (1 - times.length / all.length) * 100)
    }
  table.save()
  const work = { name: 'first packet, median', unit: 'µs', better: 'less' } as const
  expect(table.median(work, 'stateless') * 2).toBeLessThanOrEqual(table.median(work, 'ordinary NDP'))
})
