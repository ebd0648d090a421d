/**
 * Somebody looks for hosts in our /80, from far and from near, or for sites in the /40: no table of the router fills, and whoever
 * is known is reached throughout. RFC 6583. The limits of the kernel's neighbour table are one for the whole machine, so that this
 * runs alone.
 */
import { expect, test } from 'vitest'
import { parseIp6 } from '../../appliance/base/ip6.ts'
import { type Mac, parseMac } from '../../appliance/base/mac.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { type NodeAddress, parseNetworkId } from '../../appliance/plane/sixplane.ts'
import { at, packet } from '../bpf/frames.ts'
import { Client } from './client.ts'
import type { Host } from './host.ts'
import type { PingResult } from './ping.ts'
import { network, type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'
import { Wire } from './wire.ts'

const burst = 2_000 // packets between two looks at the table
const mostEntries = 500 // of the 1,024 that Linux has for all links together: twenty a second, for as long as it keeps them
const pings = { count: 60, interval: 0.1, wait: 2 }

async function macOf(host: Host, link: string): Promise<Mac> {
  const [card] = await host.ip<{ address: string }>('link', 'show', link)
  return parseMac(card!.address)
}

type Entry = { readonly dst: string; readonly state: readonly string[] }
const entries = ({ router }: Site, link: string) => router.ip<Entry>('-6', 'neighbour', 'show', 'dev', link)

/** Takes the entries of these hosts away, where they stand: they have to be looked for anew. */
async function forget(site: Site, addresses: readonly string[]): Promise<number> {
  const idle = (await entries(site, 'lan0')).filter(
    ({ dst, state }) => addresses.includes(dst) && !state.includes('INCOMPLETE'),
  )
  for (const { dst } of idle) await site.router.ip('-6', 'neighbour', 'delete', dst, 'dev', 'lan0')
  return idle.length
}

interface Scan {
  readonly packets: number
  readonly peak: number // of entries on the LAN's link
  readonly overlay: readonly string[] // whom the overlay's link knows, link-local ones apart
  readonly overlayPeak: number // of entries there
  readonly forgotten: number
}

/** Scans until all that runs beside it is done. */
async function scan(o: {
  readonly site: Site
  readonly wire: Wire
  readonly frame: (n: number) => Uint8Array
  readonly known: readonly string[]
  readonly beside: readonly Promise<PingResult>[]
}): Promise<Scan> {
  let over = false
  const done = Promise.all(o.beside).then(() => {
    over = true
  })
  const overlay = new Set<string>()
  const result = { packets: 0, peak: 0, overlayPeak: 0, forgotten: 0 }
  while (!over) {
    const from = result.packets
    o.wire.send(...Array.from({ length: burst }, (_, i) => o.frame(from + i)))
    result.packets += burst
    result.peak = Math.max(result.peak, (await entries(o.site, 'lan0')).length)
    const outside = await entries(o.site, 'zt0')
    result.overlayPeak = Math.max(result.overlayPeak, outside.length)
    for (const { dst } of outside) if (!dst.startsWith('fe80::') || dst === 'fe80::5') overlay.add(dst)
    if (result.packets % (5 * burst) === 0) result.forgotten += await forget(o.site, o.known)
  }
  await done
  return { ...result, overlay: [...overlay] }
}

/** Host bits that no host has, all different. */
const stranger = (n: number) => 0x1000_0000_0000n + BigInt(n) * 7919n

/** A site that is none, all different. */
const nowhere = (n: number) => siteOf(parseNetworkId(network), BigInt(0x10_0000_0001 + n * 104_729) as NodeAddress)

test('scans of the /80 from far and near, and of the /40: the tables stay small, and whoever is known is reached throughout', async ({
  annotate,
}) => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using near = a.start()
  await using far = b.start()
  await Promise.all([near.serving(), far.serving()])
  const [leaseholder, speaker] = a.hosts
  const [friend, scanner] = b.hosts
  new Client(leaseholder, 'dhclient')
  const spoken = await a.settle(speaker, 0xa2n)
  const [friendly, scanning] = [await b.settle(friend, 0xb1n), await b.settle(scanner, 0xb2n)]
  const leased = await until(() => leaseholder.globalAddress('eth0', a.addressStart), 'an address', 20_000)
  await leaseholder.reaches(friendly)
  await speaker.reaches(friendly)
  const known = [leased, spoken]

  const [toNear, toFar] = [await macOf(a.router, 'lan0'), await macOf(b.router, 'lan0')]
  const [fromNear, fromFar] = [await macOf(speaker, 'eth0'), await macOf(scanner, 'eth0')]
  using nearWire = await Wire.on(speaker, 'eth0')
  using farWire = await Wire.on(scanner, 'eth0')
  const scans = {
    'the /80, from another site': {
      wire: farWire,
      frame: (n: number) =>
        packet({ from: fromFar, to: toFar, source: parseIp6(scanning), destination: at(a.place, stranger(n)) }),
      reason: 'unknownHost',
    },
    'the /80, from its LAN': {
      wire: nearWire,
      frame: (n: number) =>
        packet({ from: fromNear, to: toNear, source: parseIp6(spoken), destination: at(a.place, stranger(n)) }),
      reason: 'lan.unknownHost',
    },
    'the /40, from its LAN': {
      wire: nearWire,
      frame: (n: number) => {
        return packet({ from: fromNear, to: toNear, source: parseIp6(spoken), destination: at(nowhere(n), 1n) })
      },
      reason: undefined,
    },
  }
  for (const [name, { wire, frame, reason }] of Object.entries(scans)) {
    const dropped = async () => (reason ? (await near.status()).fastPath.drops[reason]! : 0)
    const before = await dropped()
    const beside = [
      friend.ping(leased, pings),
      friend.ping(spoken, pings),
      leaseholder.ping(friendly, pings),
      leaseholder.ping(a.address, pings),
    ]
    const { packets, peak, overlay, forgotten } = await scan({ site: a, wire, frame, known, beside })
    const lost = (await Promise.all(beside)).map(({ sent, received }) => sent - received)
    const drops = (await dropped()) - before
    await annotate(`${name}: ${JSON.stringify({ packets, drops, peak, forgotten, lost })}`)
    expect(lost, `pings lost during a scan of ${name}`).toEqual([0, 0, 0, 0])
    expect(peak, 'entries on the LAN').toBeLessThan(mostEntries)
    expect(overlay).toEqual(['fe80::5'])
    expect(forgotten).toBeGreaterThan(0)
    if (reason) expect(drops).toBeGreaterThan(packets * 0.9)
  }
}, 120_000)

test('where each remote host takes an entry of the table, a host that scans the /40 has a part of it, and others reach whom they want', async ({
  annotate,
}) => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using near = a.start({ configuration: a.configuration('fastPath: emulate\n') })
  await using far = b.start()
  await Promise.all([near.serving(), far.serving()])
  const [other, scanner] = a.hosts
  const [friend, stranger] = b.hosts
  const scanning = await a.settle(scanner, 0xa2n)
  const [settled, friendly, strange] = [
    await a.settle(other, 0xa1n),
    await b.settle(friend, 0xb1n),
    await b.settle(stranger, 0xb2n),
  ]
  await other.reaches(friendly)
  using wire = await Wire.on(scanner, 'eth0')
  const way = { from: await macOf(scanner, 'eth0'), to: await macOf(a.router, 'lan0'), source: parseIp6(scanning) }
  const brief = { ...pings, count: 30 }
  const beside = [other.ping(friendly, brief), other.ping(strange, brief), friend.ping(settled, brief)]
  const frame = (n: number) => packet({ ...way, destination: at(nowhere(n), 1n) })
  const { packets, overlayPeak } = await scan({ site: a, wire, frame, known: [], beside })
  const lost = (await Promise.all(beside)).map(({ sent, received }) => sent - received)
  await annotate(JSON.stringify({ packets, overlayPeak, lost }))
  expect(lost).toEqual([0, 0, 0])
  expect(overlayPeak).toBeLessThan(mostEntries)
  expect((await near.status()).fastPath.drops['lan.unknownHost']).toBeGreaterThan(packets * 0.9)
})

test('netlink: of a host that goes through the /40 the newest few hundred entries stay, and others reach whom they want', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using near = a.start({ configuration: a.configuration('fastPath: netlink\n') })
  await using far = b.start()
  await Promise.all([near.serving(), far.serving()])
  const [other, walker] = a.hosts
  const walking = await a.settle(walker, 0xa2n)
  const [settled, friendly] = [await a.settle(other, 0xa1n), await b.settle(b.hosts[0], 0xb1n)]
  await other.reaches(friendly)
  using wire = await Wire.on(walker, 'eth0')
  const way = { from: await macOf(walker, 'eth0'), to: await macOf(a.router, 'lan0'), source: parseIp6(walking) }
  const beside = [other.ping(friendly, { ...pings, count: 30 }), b.hosts[0].ping(settled, { ...pings, count: 30 })]
  for (let n = 0; n < 2_000; n += 100) {
    wire.send(...Array.from({ length: 100 }, (_, i) => packet({ ...way, destination: at(nowhere(n + i), 1n) })))
    await until(async () => (await near.status()).fastPath.counters['resolved']! > n + 99, 'answers to the kernel')
    await until(async () => (await entries(a, 'zt0')).length < mostEntries, 'the oldest entries to go')
  }
  expect((await Promise.all(beside)).map(({ sent, received }) => sent - received)).toEqual([0, 0])
})

test('a host that comes during a scan from far is reached at once: its probe for duplicates has told of it', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using near = a.start()
  await using far = b.start()
  await Promise.all([near.serving(), far.serving()])
  const [newcomer] = a.hosts
  const [friend, scanner] = b.hosts
  const scanning = await b.settle(scanner, 0xb2n)
  await b.settle(friend, 0xb1n)
  using wire = await Wire.on(scanner, 'eth0')
  const way = { from: await macOf(scanner, 'eth0'), to: await macOf(b.router, 'lan0'), source: parseIp6(scanning) }
  const frame = (n: number) => packet({ ...way, destination: at(a.place, stranger(n)) })

  const comes = async () => {
    await newcomer.setUp('eth0')
    const address = a.addressAt(0xa3n)
    await newcomer.ip('address', 'add', `${address}/80`, 'dev', 'eth0')
    const via = await a.router.linkLocal('lan0')
    await newcomer.ip('-6', 'route', 'add', sites.networkPrefix, 'via', via, 'dev', 'eth0')
    await until(() => newcomer.globalAddress('eth0', a.addressStart), 'an address that is not tentative')
    return await friend.ping(address, { count: 10, wait: 2 })
  }
  const coming = comes()
  const { peak } = await scan({ site: a, wire, frame, known: [], beside: [coming] })
  expect(await coming).toMatchObject({ sent: 10, received: 10 })
  expect(peak).toBeLessThan(mostEntries)
})
