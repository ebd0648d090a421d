import { expect, test } from 'vitest'
import { addressIn, formatIp6 } from '../../appliance/base/ip6.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { cable, type Namespace, Namespaces, type Program } from './namespaces.ts'

const network = '8056c2e21c000001'
const near = siteOf(parseNetworkId(network), parseNodeAddress('89e92ceee5'))
const far = siteOf(parseNetworkId(network), parseNodeAddress('be3ff01c29'))
const inSite = (site: typeof near, offset: number) =>
  formatIp6(addressIn(site.sitePrefix, 0x1234_0000_0000n + BigInt(offset)))

/**
 *   near ── zt0 ═══ zt0 ── far         a flat Ethernet as the overlay; each holds ::1 of its /80 on zt0,
 *   (us)                  (a peer)     and answers pings to any address of its /80 (a local route), as its LAN would
 */
async function overlay() {
  const namespaces = new Namespaces()
  try {
    const a = await namespaces.add('near')
    const b = await namespaces.add('far')
    await cable({ namespace: a, link: 'zt0', mac: near.mac }, { namespace: b, link: 'zt0', mac: far.mac })
    for (const [namespace, site] of [
      [a, near],
      [b, far],
    ] as const) {
      await namespace.run('ip', 'addr', 'add', `${formatIp6(site.address)}/40`, 'dev', 'zt0', 'nodad')
      await namespace.run('ip', '-6', 'route', 'add', 'local', `${formatIp6(site.sitePrefix.address)}/80`, 'dev', 'lo')
    }
    const settings = ['app_solicit=1', 'ucast_solicit=0', 'mcast_solicit=3', 'mcast_resolicit=3']
    await a.run('sysctl', '-qw', ...settings.map(setting => `net.ipv6.neigh.zt0.${setting}`))
    return { namespaces, a, b }
  } catch (error) {
    await namespaces[Symbol.asyncDispose]()
    throw error
  }
}

/** The resolver as the daemon runs it; prints its counters twenty times a second. */
async function resolver(namespace: Namespace): Promise<Program> {
  const program = namespace.program(`
import { readFileSync } from 'node:fs'
import { systemClock } from './appliance/base/clock.ts'
import { OverlayResolver } from './appliance/fastpath/resolver.ts'
import { siteOf } from './appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from './appliance/plane/sixplane.ts'
const log = { debug() {}, info() {}, warn: (f, t) => console.error(t, f), error: (f, t) => console.error(t, f), child: () => log }
const link = { name: 'zt0', index: Number(readFileSync('/sys/class/net/zt0/ifindex', 'utf8')) }
const resolver = new OverlayResolver({ link, site: siteOf(parseNetworkId('${network}'), parseNodeAddress('89e92ceee5')), log, clock: systemClock })
resolver.start()
console.log('{"ready":true}')
const timer = setInterval(() => console.log(JSON.stringify(resolver.counters())), 50)
process.on('SIGTERM', () => { clearInterval(timer); resolver.stop() })`)
  await program.line(line => line['ready'] === true)
  return program
}

const counters = (program: Program) => program.lines.at(-1) as Record<string, number>

/** Milliseconds of the first ping to an address, or undefined where none came back in `wait` seconds. */
async function ping(namespace: Namespace, address: string, wait = 1): Promise<number | undefined> {
  const text = await namespace.run('ping', '-6', '-n', '-c', '1', '-W', String(wait), address).catch(() => '')
  const time = /time=([\d.]+) ms/.exec(text)?.[1]
  return time === undefined ? undefined : Number(time)
}

/** Neighbour solicitations that the kernel sent on zt0. */
async function solicitationsSent(namespace: Namespace): Promise<number> {
  const text = await namespace.run('cat', '/proc/self/net/dev_snmp6/zt0')
  return Number(/^Icmp6OutNeighborSolicits\s+(\d+)$/m.exec(text)?.[1])
}

const neighbour = async (namespace: Namespace, address: string) =>
  (await namespace.ip('-6', 'neigh', 'show', 'to', address))[0] as { lladdr?: string; state?: string[] } | undefined

test('far addresses are resolved by computation, at once, and no solicitation leaves', async () => {
  const { namespaces, a } = await overlay()
  await using _ = namespaces
  const program = await resolver(a)
  const before = await solicitationsSent(a)
  const times: number[] = []
  for (let i = 1; i <= 60; i++) {
    const time = await ping(a, inSite(far, i))
    if (time !== undefined) times.push(time)
  }
  times.sort((x, y) => x - y)
  console.log(`first ping to a fresh address: median ${times[30]} ms, worst ${times.at(-1)} ms`)
  expect(times.length).toBe(60)
  expect(await solicitationsSent(a)).toBe(before)
  expect(times[30]).toBeLessThan(50)
  expect(await neighbour(a, inSite(far, 7))).toMatchObject({ lladdr: far.mac, state: ['REACHABLE'] })
  await expect.poll(() => counters(program)['resolved']).toBeGreaterThanOrEqual(60)
  expect(counters(program)).toMatchObject({ unknown: 0, lost: 0, failed: 0 })

  // For an owner that can't exist there is no answer, and the packet goes nowhere.
  const nobody = formatIp6(addressIn(near.networkPrefix, 0xff_0000_0001_0000_0000_0001n))
  expect(await ping(a, nobody)).toBeUndefined()
  await expect.poll(() => counters(program)['unknown']).toBeGreaterThan(0)
  expect((await neighbour(a, nobody))?.lladdr).toBeUndefined()

  program.child.kill('SIGTERM')
  expect(await program.ended).toBe(0)
  expect(program.errors).toBe('')
})

test('a peer’s ordinary discovery finds any address of our /80, and what the kernel holds is answered once', async () => {
  const { namespaces, a, b } = await overlay()
  await using _ = namespaces
  expect(await ping(b, inSite(near, 1))).toBeUndefined() // nobody answers for it
  await b.run('ip', '-6', 'neigh', 'flush', 'dev', 'zt0') // and nobody asks any more
  const program = await resolver(a)
  await expect.poll(() => ping(b, inSite(near, 2)), { timeout: 5_000 }).toBeTypeOf('number')
  expect(await neighbour(b, inSite(near, 2))).toMatchObject({ lladdr: near.mac, router: null })
  await expect.poll(() => counters(program)['answered']).toBeGreaterThan(0)
  const { answered, solicitations } = counters(program) as { answered: number; solicitations: number }

  // Our own ::1, and an address that an operator adds while we run: the kernel's to answer.
  expect(await ping(b, formatIp6(near.address))).toBeTypeOf('number')
  await a.run('ip', 'addr', 'add', `${inSite(near, 3)}/128`, 'dev', 'zt0', 'nodad')
  expect(await ping(b, inSite(near, 3))).toBeTypeOf('number')
  await expect.poll(() => counters(program)['solicitations']).toBeGreaterThan(solicitations + 1)
  expect(counters(program)['answered']).toBe(answered)

  // A probe of reachability comes by unicast, from an entry that has grown stale.
  await b.run('ip', '-6', 'neigh', 'change', inSite(near, 2), 'lladdr', near.mac, 'dev', 'zt0', 'nud', 'probe')
  await expect.poll(async () => (await neighbour(b, inSite(near, 2)))?.state).toEqual(['REACHABLE'])
  await expect.poll(() => counters(program)['answered']).toBeGreaterThan(answered)

  // Another's attempt to take an address of our /80 fails its own duplicate address detection.
  await b.run('sysctl', '-qw', 'net.ipv6.conf.zt0.accept_dad=1', 'net.ipv6.conf.all.accept_dad=1')
  await b.run('ip', 'addr', 'add', `${inSite(near, 4)}/128`, 'dev', 'zt0')
  await expect.poll(() => b.run('ip', '-6', 'addr', 'show', 'dev', 'zt0'), { timeout: 5_000 }).toContain('dadfailed')
})

test('killed, what was resolved goes on and the rest falls back to ordinary discovery after a second', async () => {
  const { namespaces, a } = await overlay()
  await using _ = namespaces
  const program = await resolver(a)
  expect(await ping(a, inSite(far, 1))).toBeTypeOf('number')
  program.child.kill('SIGKILL')
  await program.ended
  expect(await ping(a, inSite(far, 1))).toBeTypeOf('number')

  const time = await ping(a, formatIp6(far.address), 5)
  console.log(`first ping without the resolver: ${time} ms`)
  expect(time).toBeGreaterThan(500)
  expect(time).toBeLessThan(3_000)
  expect(await neighbour(a, formatIp6(far.address))).toMatchObject({ lladdr: far.mac })
})

test('a burst to 200 fresh addresses loses nothing', async () => {
  const { namespaces, a, b } = await overlay()
  await using _ = namespaces
  const program = await resolver(a)
  const sink = b.program(`
import { createSocket } from 'node:dgram'
const socket = createSocket('udp6')
const seen = new Set()
socket.on('message', message => { seen.add(message.toString()); console.log(JSON.stringify({ count: seen.size })) })
socket.bind(9, () => console.log('{"ready":true}'))`)
  await sink.line(line => line['ready'] === true)
  const targets = Array.from({ length: 200 }, (_, i) => inSite(far, 1000 + i)) // fewer than a socket's buffer and the kernel's table hold
  const source = a.program(`
import { createSocket } from 'node:dgram'
const socket = createSocket('udp6')
const targets = ${JSON.stringify(targets)}
let left = targets.length
const errors = []
for (const [i, to] of targets.entries())
  socket.send(String(i), 9, to, error => { if (error) errors.push(error.code); if (--left === 0) { socket.close(); console.log(JSON.stringify({ errors })) } })`)
  expect(await source.line()).toEqual({ errors: [] })
  await sink.line(line => line['count'] === 200)
  await expect.poll(() => counters(program)['resolved']).toBe(200)
})
