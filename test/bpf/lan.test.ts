import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../appliance/base/bytes.ts'
import { type Ip6, parseIp6 } from '../../appliance/base/ip6.ts'
import { macBytes } from '../../appliance/base/mac.ts'
import { Programs } from '../../appliance/fastpath/attach.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { answerSolicitation, readSolicitation } from '../../appliance/plane/solicitation.ts'
import { countFrom } from './counted.ts'
import { advertisement, allNodes, at, lan, packet, peer, site, solicitation, third, unspecified } from './frames.ts'
import { testRun, verdict } from './test-run.ts'

const programs = new Programs()
afterAll(() => programs[Symbol.dispose]())

const instance = {
  kind: 'lan',
  site,
  ...lan,
  overlay: undefined,
  subnets: [3],
  features: ['proxy', 'guard', 'bound'],
} as const
const ingress = programs.load(instance, 'ingress').fd
const further = programs.load({ ...instance, plan: lanPlan(site.sitePrefix, 5) }, 'ingress').fd

let counted = countFrom(programs)
beforeEach(() => {
  counted = countFrom(programs)
})

const host = { from: lan.host, source: at(site, 0x1234n) }
const asks = (target: Ip6, more: object = {}) => solicitation({ ...host, target, ...more })

describe('answers as the responder in user space does', () => {
  test.for([
    { name: 'another site', frame: asks(at(peer, 0xfeedn)) },
    { name: 'another site, by a unicast probe', frame: asks(at(peer, 1n), { destination: at(peer, 1n), to: lan.mac }) },
    {
      name: 'another site, with nothing but a nonce',
      frame: asks(at(peer, 1n), { option: [14, 1, 1, 2, 3, 4, 5, 6] }),
    },
    { name: 'another LAN of this site', frame: asks(at(site, 0x8500_0000_0007n)) },
    { name: 'a delegated prefix', frame: asks(at(site, 0xc000_0000_0007n)) },
    { name: 'who has a link-local address only', frame: asks(at(peer, 1n), { source: parseIp6('fe80::2') }) },
    { name: 'a probe for duplicates', frame: asks(at(peer, 1n), { source: unspecified }) },
  ])('for $name', ({ frame }) => {
    const outcome = testRun(ingress, frame)
    expect(outcome.verdict).toBe(verdict.redirect)
    const expected = answerSolicitation(readSolicitation(frame)!, { mac: lan.mac, source: lan.linkLocal, router: true })
    expect(toHex(outcome.frame)).toBe(toHex(expected))
  })

  test('and for any solicitation, damaged ones too, it answers where that one would', () => {
    const octets = fc.uint8Array({ minLength: 0, maxLength: 64 })
    fc.assert(
      fc.property(
        octets,
        fc.constantFrom(255, 255, 254),
        fc.constantFrom(0, 0, 1),
        fc.boolean(),
        (option, hops, code, dad) => {
          const source = dad ? unspecified : host.source
          const frame = solicitation({ ...host, source, target: at(peer, 1n), option: [...option], hops, code })
          const read = readSolicitation(frame)
          const outcome = testRun(ingress, frame)
          expect(outcome.verdict).toBe(read ? verdict.redirect : verdict.next)
          const answer = read && answerSolicitation(read, { mac: lan.mac, source: lan.linkLocal, router: true })
          expect(toHex(outcome.frame)).toBe(toHex(answer ?? frame))
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('leaves to the hosts of the LAN', () => {
  test.for([
    { name: 'an address of this LAN', frame: asks(at(site, 0x42n)) },
    { name: 'a probe for duplicates of one', frame: asks(at(site, 0x42n), { source: unspecified }) },
    { name: "the router's own address", frame: asks(at(site, 1n)) },
    { name: 'an address of no network of ours', frame: asks(parseIp6('2001:db8::1')) },
    { name: 'a link-local address', frame: asks(parseIp6('fe80::7')) },
    {
      name: 'an advertisement',
      frame: advertisement({ ...host, target: host.source, mac: lan.host, destination: allNodes, flags: 0x20 }),
    },
    { name: "another router's packets", frame: packet({ ...host, to: peer.mac, destination: at(peer, 9n) }) },
    { name: "another router's probes", frame: asks(at(peer, 1n), { destination: at(peer, 1n), to: peer.mac }) },
    { name: 'a packet to the internet', frame: packet({ ...host, to: lan.mac, destination: parseIp6('2001:db8::1') }) },
    { name: 'a packet to another site', frame: packet({ ...host, to: lan.mac, destination: at(peer, 9n) }) },
    {
      name: 'IPv4',
      frame: fromHex(`ffffffffffff${toHex(macBytes(lan.host))}0800450000140000000040110000c0000201c0000202`),
    },
    { name: 'ARP', frame: fromHex(`ffffffffffff${toHex(macBytes(lan.host))}08060001080006040001${'00'.repeat(20)}`) },
    { name: 'a VLAN tag', frame: fromHex(`ffffffffffff${toHex(macBytes(lan.host))}8100006486dd60${'00'.repeat(60)}`) },
  ])('$name', ({ frame }) => {
    const outcome = testRun(ingress, frame)
    expect(outcome.verdict).toBe(verdict.next)
    expect(toHex(outcome.frame)).toBe(toHex(frame))
    expect(counted()).toEqual({})
  })
})

test('on a further LAN the first one is elsewhere', () => {
  expect(testRun(further, asks(at(site, 0x42n))).verdict).toBe(verdict.redirect)
  expect(testRun(further, asks(at(site, 0x8500_0000_0007n))).verdict).toBe(verdict.next)
})

test('K13 drops the source of another site on its way to the overlay', () => {
  const frame = packet({ from: lan.host, to: lan.mac, source: at(peer, 5n), destination: at(peer, 6n) })
  expect(testRun(ingress, frame).verdict).toBe(verdict.drop)
  expect(counted()).toEqual({ 'lan.drop.foreignSource': 1 })
})

describe('once this was another node', () => {
  const moved = programs.load({ ...instance, former: peer.node }, 'ingress').fd
  const then = { from: lan.host, to: lan.mac, source: at(peer, 1n) } // ::1 is not looked for, it is there

  test.for([
    {
      name: 'a host that has an address of then reaches another',
      frame: packet({ ...then, destination: at(peer, 1n) }),
    },
    { name: 'and one with a new address', frame: packet({ ...then, destination: at(site, 1n) }) },
    { name: 'and is reached by one', frame: packet({ ...host, to: lan.mac, destination: at(peer, 1n) }) },
    { name: 'it answers for its address itself', frame: asks(at(peer, 0x42n)) },
    {
      name: 'what it sends to other sites is left to the overlay',
      frame: packet({ ...then, destination: at(third, 1n) }),
    },
  ])('$name', ({ frame }) => {
    expect(testRun(moved, frame).verdict).toBe(verdict.next)
    expect(counted()).toEqual({})
  })

  test('any other source of the network is foreign', () => {
    const frame = packet({ ...then, source: at(third, 5n), destination: at(site, 1n) })
    expect(testRun(moved, frame).verdict).toBe(verdict.next) // as ever, towards this site
    expect(testRun(moved, packet({ ...then, source: at(third, 5n), destination: at(third, 6n) })).verdict).toBe(
      verdict.drop,
    )
    expect(counted()).toEqual({ 'lan.drop.foreignSource': 1 })
  })
})

describe('C13 looks for hosts that nobody knows', () => {
  const towards = (low: bigint) =>
    packet({ from: lan.host, to: lan.mac, source: parseIp6('fe80::2'), destination: at(site, low) })
  const pass = (low: bigint) => testRun(ingress, towards(low)).verdict === verdict.next
  const scan = (from: bigint) => Array.from({ length: 200 }, (_, i) => pass(from + BigInt(i))).filter(Boolean).length

  test('only so often', () => {
    const passed = scan(0x1000_0000n)
    expect(passed).toBeGreaterThan(0)
    expect(passed).toBeLessThanOrEqual(20) // at most two windows of ten
    expect(counted()['lan.drop.unknownHost']).toBe(200 - passed)
  })

  test.for([
    { name: 'with a lease', low: 0x2000_0001n, learn: () => programs.addLeases([0x2000_0001]) },
    { name: 'that the kernel knows', low: 0x2000_0005n, learn: () => programs.addHeard([0x2000_0005]) },
    {
      name: 'that spoke',
      low: 0x2000_0002n,
      learn: () =>
        void testRun(
          ingress,
          packet({ from: lan.host, to: lan.mac, source: at(site, 0x2000_0002n), destination: allNodes }),
        ),
    },
    {
      name: 'that probes for duplicates of its address',
      low: 0x2000_0003n,
      learn: () => void testRun(ingress, asks(at(site, 0x2000_0003n), { source: unspecified })),
    },
  ])('but always for one $name', ({ low, learn }) => {
    learn()
    scan(0x3000_0000n) // the budget is spent
    for (let i = 0; i < 50; i++) expect(pass(low)).toBe(true)
  })

  test('no longer once its lease has ended', () => {
    programs.addLeases([0x2000_0004])
    programs.removeLease(0x2000_0004)
    scan(0x4000_0000n)
    expect(Array.from({ length: 50 }, () => pass(0x2000_0004n)).filter(Boolean).length).toBeLessThanOrEqual(20)
  })

  test('always where nothing is looked for: the router itself, and prefixes behind a next hop', () => {
    scan(0x5000_0000n)
    expect(scan(0x8300_0000_1000n)).toBeLessThanOrEqual(20) // a further LAN of ours
    for (const low of [0n, 1n, 0x8300_0000_0001n, 0x8500_0000_0042n, 0xc000_0000_0042n])
      for (let i = 0; i < 30; i++) expect(pass(low)).toBe(true)
  })
})

describe('turbo', () => {
  const overlay = { index: 1, mac: site.mac }
  const fast = programs.load({ ...instance, overlay, features: [...instance.features, 'turbo'] }, 'ingress').fd
  const frame = packet({ ...host, to: lan.mac, destination: at(peer, 9n) })

  test('sends straight to the overlay, one hop less', () => {
    const outcome = testRun(fast, frame)
    expect(outcome.verdict).toBe(verdict.redirect)
    const expected = frame.slice()
    expected.set(fromHex(`00005e005301${toHex(macBytes(site.mac))}`))
    expected[21] = 63
    expect(toHex(outcome.frame)).toBe(toHex(expected))
    expect(counted()).toEqual({ 'lan.redirected': 1 })
  })

  test.for([
    { name: 'has no hop left', frame: packet({ ...host, to: lan.mac, destination: at(peer, 9n), hops: 1 }) },
    { name: 'is for this site', frame: packet({ ...host, to: lan.mac, destination: at(site, 1n) }) },
    { name: 'is for nobody', frame: packet({ ...host, to: lan.mac, destination: site.networkPrefix.address }) },
    { name: 'is for the internet', frame: packet({ ...host, to: lan.mac, destination: parseIp6('2001:db8::1') }) },
  ])('leaves to the stack what $name', ({ frame: other }) => {
    const outcome = testRun(fast, other)
    expect(outcome.verdict).toBe(verdict.next)
    expect(toHex(outcome.frame)).toBe(toHex(other))
  })
})
