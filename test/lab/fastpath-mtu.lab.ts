/**
 * The size of packets between two sites. The overlay takes 2800 octets, a LAN 1500 or, for jumbo frames, 9000:
 *
 *   a1 ── LAN ── a ══ overlay 2800 ══ b ── LAN 1500 ── b1
 *
 * No MTU is set on any route: it is the link's, and who sends too much hears of it from the router whose next link is too small.
 */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Host } from './host.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

const bulk = 8 << 20

/** Two sites with a daemon each. `jumbo`: the LAN of site a takes 9000 octets. */
async function serve(sites: TwoSites, { jumbo, farJumbo = false }: { jumbo: boolean; farJumbo?: boolean }) {
  const { a, b } = sites
  if (jumbo) await widen(a)
  if (farJumbo) await widen(b)
  const near = a.start()
  const other = b.start()
  await Promise.all([near.serving(), other.serving()])
  const [mine, theirs] = await Promise.all([a.settle(a.hosts[0], 0xa1n), b.settle(b.hosts[0], 0xb1n)])
  return { near, other, mine, theirs, left: a.hosts[0], right: b.hosts[0] }
}

async function widen(site: Site): Promise<void> {
  await site.lan.widen(9000)
  await site.router.ip('link', 'set', 'lan0', 'mtu', '9000')
  for (const host of site.hosts) await host.ip('link', 'set', 'eth0', 'mtu', '9000')
}

/** What this host believes of the way to an address: undefined while it knows nothing but its own link. */
async function pathMtu(host: Host, address: string): Promise<number | undefined> {
  const text = await host.run('ip', '-6', 'route', 'get', address)
  const found = /\bmtu (\d+)/.exec(text)
  return found ? Number(found[1]) : undefined
}

/** A ping of this size, headers included, that nobody may cut up; the answer, or what came instead. */
async function whole(host: Host, address: string, size: number): Promise<string> {
  const options = ['-6', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', String(size - 48)]
  await using program = host.spawn(['ping', ...options, address])
  await program.exited
  return program.output
}

test('too big a packet from a LAN with jumbo frames is told so by our own router, and by the far one, and both are obeyed', async () => {
  await using sites = await TwoSites.create()
  const { near, other, left, theirs } = await serve(sites, { jumbo: true })
  await using _ = near
  await using __ = other
  const { a, b } = sites
  await left.reaches(theirs)
  expect(await pathMtu(left, theirs)).toBeUndefined()
  // 9000 fits the LAN; our router knows that 2800 are all that the overlay takes.
  expect(await whole(left, theirs, 9000)).toContain(`From ${a.address} icmp_seq=1 Packet too big: mtu=2800`)
  expect(await pathMtu(left, theirs)).toBe(2800)
  // 2800 crosses; the far router has a LAN of 1500 before it.
  expect(await whole(left, theirs, 2800)).toMatch(/^From \S+ icmp_seq=1 Packet too big: mtu=1500/m)
  expect(await whole(left, theirs, 2800)).toMatch(/message too long, mtu: 1500|mtu=1500/i) // now it doesn't even leave
  expect(await pathMtu(left, theirs)).toBe(1500)
  expect(await whole(left, theirs, 1500)).toContain('1 received')
  // And where both LANs have room, the overlay's own size passes, and one octet more doesn't.
  expect(await whole(left, b.address, 2800)).toContain('1 received')
  expect(await whole(left, b.address, 2801)).toContain('mtu=2800')

  const [route] = await a.router.ip<{ dst: string; metrics?: unknown[] }>(
    ...'-6 route show table 80 dev zt0'.split(' '),
  )
  expect(route).toMatchObject({ dst: sites.networkPrefix })
  expect(route!.metrics ?? []).toEqual([]) // the link's
})

test('a LAN with 1500 sends what it has: nothing is too big', async () => {
  await using sites = await TwoSites.create()
  const { near, other, left, theirs } = await serve(sites, { jumbo: false })
  await using _ = near
  await using __ = other
  await left.reaches(theirs)
  expect(await whole(left, theirs, 1500)).toContain('1 received')
  expect(await pathMtu(left, theirs)).toBeUndefined()
  // In fragments, there and back: 6,000 octets are five packets each way.
  expect((await left.ping(theirs, { size: 6_000, wait: 3 })).received).toBe(1)
})

const server = `
const hash = require('node:crypto').createHash('sha256')
require('node:net').createServer(socket => {
  socket.on('data', part => hash.update(part)).on('end', () => { console.log('sum ' + hash.digest('hex')); socket.end() })
}).listen(7000, '::', () => console.log('listens'))`
const client = `
const [address, size] = process.argv.slice(1)
const socket = require('node:net').connect(7000, address, () => socket.end(Buffer.alloc(Number(size), 'siteplane')))
socket.on('close', () => console.log('sent'))`

/** Sends `bulk` octets by TCP and compares what came. Returns how long it took, in milliseconds. */
async function transfers(from: Host, to: Host, address: string): Promise<number> {
  await using listener = to.spawn([process.execPath, '-e', server])
  await listener.says(/listens/)
  const began = performance.now()
  await using sender = from.spawn([process.execPath, '-e', client, address, String(bulk)])
  const [, sum] = await listener.says(/sum (\w+)/, 20_000)
  const took = performance.now() - began
  await sender.says(/sent/)
  expect(sum).toBe(createHash('sha256').update(Buffer.alloc(bulk, 'siteplane')).digest('hex'))
  return Math.round(took)
}

/** Offloads of every card on the way, which decide whether packets leave as they are or as one big one for the card to cut. */
async function offload({ all }: TwoSites, value: 'on' | 'off'): Promise<void> {
  for (const { router, hosts } of all)
    for (const [host, links] of [
      [router, ['lan0', 'zt0']],
      [hosts[0], ['eth0']],
    ] as const)
      for (const link of links) await host.run('ethtool', '-K', link, 'tso', value, 'gso', value, 'gro', value)
}

test.for([
  { name: 'LANs with 1500', jumbo: false, farJumbo: false, path: undefined },
  { name: 'one with 9000 and one with 1500', jumbo: true, farJumbo: false, path: undefined }, // a segment is as the receiver's link
  { name: 'LANs with 9000', jumbo: true, farJumbo: true, path: 2800 },
])(
  '$name: bulk by TCP, with segmentation offload and without, both ways',
  async ({ path, ...widths }, { annotate }) => {
    await using sites = await TwoSites.create()
    const { near, other, left, right, mine, theirs } = await serve(sites, widths)
    await using _ = near
    await using __ = other
    await left.reaches(theirs)
    for (const value of ['on', 'off'] as const) {
      await offload(sites, value)
      const times = [await transfers(left, right, theirs), await transfers(right, left, mine)]
      await annotate(`offload ${value}: ${bulk >> 20} MiB there and back in ${times.join(' and ')} ms`)
      // Whoever sends first learns it; what it then announces for itself spares the other one the lesson.
      expect(await pathMtu(left, theirs)).toBe(path)
    }
    const { drops } = (await near.status()).fastPath
    expect(Object.values(drops).reduce((sum, n) => sum + n)).toBe(0)
  },
)

test('datagrams of 6,000 octets from a LAN with 9000 arrive in fragments once the path is known', async () => {
  await using sites = await TwoSites.create()
  const { near, other, left, right, theirs } = await serve(sites, { jumbo: true })
  await using _ = near
  await using __ = other
  await left.reaches(theirs)
  const count = async (line: string) =>
    Number(new RegExp(`^${line}\\s+(\\d+)`, 'm').exec(await right.run('cat', '/proc/net/snmp6'))?.[1])
  // The first ones only teach the host: 2800 first, then 1500.
  await until(
    async () => (await left.ping(theirs, { size: 6_000, wait: 0.3 })).received === 1,
    'a ping of 6,000 octets',
  )
  expect(await pathMtu(left, theirs)).toBe(1500)
  const [fragments, datagrams] = [await count('Ip6ReasmReqds'), await count('Udp6NoPorts')]
  const send = `
    const socket = require('node:dgram').createSocket('udp6')
    let left = 10
    for (let i = 0; i < 10; i++) socket.send(Buffer.alloc(6000), 9, process.argv[1], () => { if (--left === 0) socket.close() })`
  await left.run(process.execPath, '-e', send, theirs)
  await until(async () => (await count('Udp6NoPorts')) - datagrams === 10, 'ten datagrams')
  expect((await count('Ip6ReasmReqds')) - fragments).toBe(50)
})
