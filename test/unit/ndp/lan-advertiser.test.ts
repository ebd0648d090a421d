import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { systemClock } from '../../../appliance/base/clock.ts'
import { allNodes, allRouters, type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { type AdvertisementPlan, advertisement, finalAdvertisement } from '../../../appliance/ndp/advertisement.ts'
import { LanAdvertiser } from '../../../appliance/ndp/lan-advertiser.ts'
import { encodeMessage, type RouterAdvertisement } from '../../../appliance/ndp/message.ts'
import { allSnoopers } from '../../../appliance/ndp/multicast-router.ts'
import type { IcmpIn, IcmpOut } from '../../../appliance/ndp/socket.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { plan, site } from './plan.ts'
import { LogTwin, Twin } from './twin.ts'

const linkLocal = parseIp6('fe80::1')
const host = parseIp6('fe80::b')

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function make(change: Partial<AdvertisementPlan> = {}, previous?: AdvertisementPlan) {
  const socket = new Twin<IcmpIn, IcmpOut>()
  const log = new LogTwin()
  const advertiser = new LanAdvertiser({
    link: { name: 'lan0', index: 2, mac: plan.mac, linkLocal },
    plan: { ...plan, ...change },
    ...(previous ? { previous } : {}),
    clock: systemClock,
    random: () => 0.5,
    log,
    open: () => socket,
  })
  return { socket, log, advertiser }
}

const packet = (bytes: Uint8Array, source: Ip6 = host): IcmpIn => ({
  bytes,
  source,
  destination: allRouters,
  hopLimit: 255,
  link: 2,
})
const solicitation = packet(fromHex('85000000 00000000'))
const text = ({ bytes }: IcmpOut) => toHex(bytes)
const told = (message: RouterAdvertisement) => toHex(encodeMessage(message))
const to = (sent: readonly IcmpOut[], destination: Ip6) => sent.filter(each => each.destination === destination)

test('A01 A09 advertises at once and twice more, from the link-local address', () => {
  const { socket, advertiser } = make()
  advertiser.start()
  expect(to(socket.sent, allNodes).map(text)).toEqual([told(advertisement(plan))])
  vi.advanceTimersByTime(32_000)
  expect(to(socket.sent, allNodes).map(text)).toEqual(Array(3).fill(told(advertisement(plan))))
  expect(to(socket.sent, allNodes).every(({ source }) => source === linkLocal)).toBe(true)
  expect(advertiser.counters()).toMatchObject({ multicastSent: 3, unicastSent: 0, sendErrors: 0 })
})

test('A11 answers a solicitation after its delay, to the solicitor', () => {
  const { socket, advertiser } = make()
  advertiser.start()
  socket.receive(solicitation)
  vi.advanceTimersByTime(249)
  expect(to(socket.sent, host)).toEqual([])
  vi.advanceTimersByTime(1)
  expect(to(socket.sent, host).map(text)).toEqual([told(advertisement(plan))])
  expect(advertiser.counters()).toMatchObject({ solicitations: 1, unicastSent: 1 })
})

describe('A18 an update', () => {
  test('that changes nothing says nothing', () => {
    const { socket, advertiser } = make()
    advertiser.start()
    vi.advanceTimersByTime(40_000)
    const before = to(socket.sent, allNodes).length
    advertiser.update({ ...plan })
    vi.advanceTimersByTime(60_000)
    expect(to(socket.sent, allNodes).length).toBe(before)
  })

  test('L04 to another site says the new prefix and withdraws the old, three times', () => {
    const { socket, advertiser } = make()
    advertiser.start()
    vi.advanceTimersByTime(40_000)
    const before = to(socket.sent, allNodes).length
    const other = siteOf(site.network, parseNodeAddress('1234567890'))
    const next = { ...plan, site: other, lan: lanPlan(other.sitePrefix, undefined) }
    advertiser.update(next)
    vi.advanceTimersByTime(32_000)
    const said = to(socket.sent, allNodes).slice(before).map(text)
    const withdrawal = '030450800000000000000000 00000000 fc9c56c2e389e92ceee5000000000000'.replaceAll(' ', '')
    expect(said).toEqual(Array(3).fill(told(advertisement(next)) + withdrawal))
  })

  test('A45 to an unreachable network withdraws its routes at once', () => {
    const { socket, advertiser } = make()
    advertiser.start()
    vi.advanceTimersByTime(40_000)
    advertiser.update({ ...plan, networkReachable: false })
    vi.advanceTimersByTime(0)
    expect(text(to(socket.sent, allNodes).at(-1)!)).toBe(told(finalAdvertisement(plan)))
  })
})

test('L04 what an earlier run told the hosts is withdrawn from the start', () => {
  const other = siteOf(site.network, parseNodeAddress('1234567890'))
  const { socket, advertiser } = make({}, { ...plan, site: other, lan: lanPlan(other.sitePrefix, undefined) })
  advertiser.start()
  expect(text(to(socket.sent, allNodes)[0]!)).toMatch(/fc9c56c2e3123456789(0)+$/)
})

test('what it was to say before it started needs no withdrawal', () => {
  const other = siteOf(site.network, parseNodeAddress('1234567890'))
  const { socket, advertiser } = make({ beside: [{ ...plan, site: other, lan: lanPlan(other.sitePrefix, undefined) }] })
  advertiser.update(plan)
  advertiser.start()
  expect(text(to(socket.sent, allNodes)[0]!)).toBe(told(advertisement(plan)))
})

test('A16 a stop for good says twice, 200 ms apart, that the network is gone', async () => {
  const { socket, advertiser } = make()
  advertiser.start()
  const before = socket.sent.length
  const stopped = advertiser.stop({ final: true })
  const last = told(finalAdvertisement(plan))
  expect(to(socket.sent.slice(before), allNodes).map(text)).toEqual([last])
  await vi.advanceTimersByTimeAsync(200)
  await stopped
  expect(to(socket.sent.slice(before), allNodes).map(text)).toEqual([last, last])
  expect(to(socket.sent.slice(before), allSnoopers).map(text)).toEqual(['99000000', '99000000'])
  expect(socket.closed).toBe(true)
  vi.advanceTimersByTime(3_600_000)
  expect(to(socket.sent.slice(before), allNodes)).toHaveLength(2)
})

test('A17 a hand-over says nothing', async () => {
  const { socket, advertiser } = make()
  advertiser.start()
  const before = socket.sent.length
  await advertiser.stop({ final: false })
  expect(socket.sent.length).toBe(before)
  expect(socket.closed).toBe(true)
})

test('C22 tells snooping switches, with hop limit 1 and a router alert, as long as the network is on-link', () => {
  const { socket, advertiser } = make()
  advertiser.start()
  vi.advanceTimersByTime(24_000)
  const toSnoopers = to(socket.sent, allSnoopers)
  expect(toSnoopers.map(text)).toEqual(Array(4).fill('9714000000000000'))
  expect(toSnoopers[0]).toMatchObject({ hopLimit: 1, routerAlert: true })
  advertiser.update({ ...plan, networkOnLink: false })
  vi.advanceTimersByTime(60_000)
  expect(to(socket.sent, allSnoopers)).toHaveLength(4)
})

describe('where another router advertises in our place', () => {
  const theirs = packet(encodeMessage(advertisement({ ...plan, managed: false })), parseIp6('fe80::9'))

  test('says nothing, whoever asks, looks for that router, and stops in silence', async () => {
    const other = siteOf(site.network, parseNodeAddress('1234567890'))
    const { socket, log, advertiser } = make({ silent: true }, { ...plan, site: other })
    advertiser.start()
    socket.receive(solicitation)
    vi.advanceTimersByTime(12_000)
    expect(advertiser.searched).toBe(true)
    socket.receive(theirs)
    vi.advanceTimersByTime(3_600_000)
    advertiser.update({ ...plan, silent: true, networkReachable: false })
    const stopped = advertiser.stop({ final: true })
    await vi.advanceTimersByTimeAsync(200)
    await stopped
    expect([...to(socket.sent, allNodes), ...to(socket.sent, host)]).toEqual([])
    expect(to(socket.sent, allRouters).slice(0, 3).map(text)).toEqual(
      Array(3).fill('8500000000000000' + '0101020000000001'),
    )
    expect(to(socket.sent, allSnoopers).length).toBeGreaterThan(100)
    expect(log.loud).toEqual([])
  })

  test('lists it, and in what it contradicts what it shall say', () => {
    const { socket, log, advertiser } = make({ silent: true })
    advertiser.start()
    socket.receive(theirs)
    expect(advertiser.otherRouters()).toMatchObject([{ linkLocal: parseIp6('fe80::9'), contradictions: [] }])
    const short = { ...plan, lifetimes: { network: 60, lan: 86_400 }, networkOnLink: true }
    socket.receive(packet(encodeMessage(advertisement(short)), parseIp6('fe80::9')))
    expect(advertiser.otherRouters()[0]!.contradictions).toContainEqual(expect.stringContaining('validLifetime 60'))
    expect(log.loud).toEqual(['warn another router contradicts what we advertise'])
  })

  test('falls silent and speaks again by an update, and withdraws nothing that is still so', () => {
    const { socket, advertiser } = make()
    advertiser.start()
    vi.advanceTimersByTime(40_000)
    const before = to(socket.sent, allNodes).length
    advertiser.update({ ...plan, silent: true })
    vi.advanceTimersByTime(3_600_000)
    expect(to(socket.sent, allNodes)).toHaveLength(before)
    advertiser.update(plan)
    expect(to(socket.sent, allNodes).slice(before).map(text)).toEqual([told(advertisement(plan))])
    const asked = to(socket.sent, allRouters).length
    vi.advanceTimersByTime(3_600_000)
    expect(to(socket.sent, allRouters)).toHaveLength(asked)
  })
})

test('A20 another router is listed; its contradiction is a line, and no more than one a minute', () => {
  const { socket, log, advertiser } = make()
  advertiser.start()
  const say = (lifetime: number, tail: string) => {
    const route = `1802 3000 ${lifetime.toString(16).padStart(8, '0')} fc9c56c2e3${tail}0000`
    socket.receive(packet(fromHex(`86000000 00c00000 00000000 00000000 ${route}`)))
  }
  for (let i = 0; i < 100; i++) say(600, '01')
  expect(advertiser.otherRouters()).toMatchObject([
    { linkLocal: host, contradictions: ['it advertises a route of medium preference to fc9c:56c2:e301::/48'] },
  ])
  expect(log.loud).toEqual(['warn another router contradicts what we advertise'])
  for (let i = 0; i < 100; i++) say(600, i % 2 ? '02' : '03')
  expect(log.loud).toHaveLength(1)
  vi.advanceTimersByTime(60_000)
  say(600, '02')
  expect(log.loud).toHaveLength(2)
  expect(advertiser.counters()).toMatchObject({ foreignAdvertisements: 201, contradicting: 201 })
})

test('a stranger who invents contradicting routers makes one line a minute, and the rest is told later', () => {
  const { socket, log, advertiser } = make()
  advertiser.start()
  const rogue = fromHex('86000000 00c00000 00000000 00000000 18023000 00000258 fc9c56c2e3010000')
  for (let i = 0; i < 300; i++) socket.receive(packet(rogue, (host + BigInt(i)) as Ip6))
  expect(log.loud).toEqual(['warn another router contradicts what we advertise'])
  expect(advertiser.otherRouters()).toHaveLength(16)
  expect(advertiser.counters()).toMatchObject({ foreignAdvertisements: 300, contradicting: 300 })
  vi.advanceTimersByTime(60_000)
  socket.receive(packet(rogue, (host + 299n) as Ip6))
  expect(log.loud).toHaveLength(2)
})

test('our own advertisement, come back, is no other router', () => {
  const { socket, advertiser } = make()
  advertiser.start()
  socket.receive(packet(encodeMessage(advertisement(plan)), linkLocal))
  expect(advertiser.otherRouters()).toEqual([])
})

test('a link that refuses to send is complained of once a minute, and tried again', () => {
  const { socket, log, advertiser } = make()
  socket.failure = 'ENETDOWN'
  advertiser.start()
  vi.advanceTimersByTime(10_000)
  expect(log.loud).toEqual(['warn could not send a router advertisement'])
  socket.failure = undefined
  vi.advanceTimersByTime(6_000)
  expect(to(socket.sent, allNodes)).toHaveLength(1)
})

test('any packets leave it serving and the log quiet', () => {
  const { socket, log, advertiser } = make()
  advertiser.start()
  const type = fc.constantFrom(133, 134, 152, 135)
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 90 }), (first, rest) => {
      socket.receive(packet(Uint8Array.of(first, 0, 0, 0, ...rest)))
    }),
    { numRuns: 2000 },
  )
  expect(log.loud.filter(line => line.startsWith('error'))).toEqual([])
  expect(advertiser.counters().bugs).toBe(0)
  vi.advanceTimersByTime(20_000)
  const before = to(socket.sent, host).length
  socket.receive(solicitation)
  vi.advanceTimersByTime(500)
  expect(to(socket.sent, host).length).toBe(before + 1)
})

test('a packet that finds a bug costs itself alone, and one line with its octets', () => {
  const { socket, log, advertiser } = make()
  advertiser.start()
  vi.advanceTimersByTime(40_000)
  const trap: IcmpIn = {
    ...packet(fromHex('85000000 00000000')),
    get hopLimit(): number {
      throw new Error('a bug')
    },
  }
  socket.receive(trap, trap, solicitation)
  vi.advanceTimersByTime(500)
  expect(to(socket.sent, host)).toHaveLength(1)
  expect(log.loud).toEqual(['error a router discovery message found a bug'])
  expect(log.lines.at(-1)!.fields).toMatchObject({ from: 'fe80::b', packet: '8500000000000000' })
  expect(advertiser.counters().bugs).toBe(2)
})
