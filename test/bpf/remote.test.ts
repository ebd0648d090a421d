import { afterEach, beforeEach, expect, test } from 'vitest'
import { Programs } from '../../appliance/fastpath/attach.ts'
import { countFrom } from './counted.ts'
import { at, lan, packet, peer, site } from './frames.ts'
import { testRun, verdict } from './test-run.ts'

// A minute of the programs may end during a test: then a budget counts twice.
const perAsker = 32
const perLan = 128
const answering = 256

let programs: Programs
let ingress: number
let outside: number
beforeEach(() => {
  programs = new Programs()
  const common = { site, subnets: [] }
  const features = ['guard', 'bound', 'boundRemote'] as const
  ingress = programs.load({ kind: 'lan', ...common, ...lan, overlay: undefined, features }, 'ingress').fd
  outside = programs.load({ kind: 'overlay', ...common, features }, 'ingress').fd
})
afterEach(() => programs[Symbol.dispose]())

const us = at(site, 0x1234n)
const passes = (host: bigint, from = us) =>
  testRun(ingress, packet({ from: lan.host, to: lan.mac, source: from, destination: at(peer, host) })).verdict ===
  verdict.next
const answers = (host: bigint, to = us) =>
  testRun(outside, packet({ from: peer.mac, to: site.mac, source: at(peer, host), destination: to })).verdict ===
  verdict.next
const scan = (first: bigint, count: number, from = us) =>
  Array.from({ length: count }, (_, i) => passes(first + BigInt(i), from)).filter(Boolean).length

test('a host of the LAN looks for so many hosts of other sites that never answer, and leaves as many to others', () => {
  const counted = countFrom(programs)
  const passed = scan(0x1000n, 1_000)
  expect(passed).toBeGreaterThanOrEqual(perAsker)
  expect(passed).toBeLessThanOrEqual(2 * perAsker)
  expect(counted()['lan.drop.unknownHost']).toBe(1_000 - passed)
  expect(scan(0x9000n, perAsker, at(site, 0x1235n))).toBe(perAsker)
})

test('when the mode changes, a host may look for as many as it may be talking to, once', () => {
  programs.allowRemotes(200)
  const passed = scan(0x1000n, 1_000)
  expect(passed).toBeGreaterThanOrEqual(200)
  expect(passed).toBeLessThanOrEqual(200 + perAsker)
  expect(scan(0x9000n, perAsker)).toBeLessThanOrEqual(perAsker)
})

test('whoever makes up sources gets no more than all hosts of the LAN together', () => {
  const passed = Array.from({ length: 2_000 }, (_, i) => passes(0x1000n + BigInt(i), at(site, 0x5000n + BigInt(i))))
  expect(passed.filter(Boolean).length).toBeLessThanOrEqual(2 * perLan)
})

test('a stream to one that never answers goes on', () => {
  expect(passes(9n)).toBe(true)
  scan(0x1000n, 1_000)
  for (let i = 0; i < 100; i++) expect(passes(9n)).toBe(true)
})

test('who answers costs nothing, so that one after the other can be reached', () => {
  for (let host = 1n; host <= 200n; host++) {
    expect(passes(host)).toBe(true)
    expect(answers(host)).toBe(true)
  }
  scan(0x1000n, 1_000)
  for (let host = 1n; host <= 200n; host++) expect(passes(host)).toBe(true)
})

test.for([
  { name: 'has sent something', learn: (host: bigint) => void answers(host) },
  { name: 'has an entry in the kernel already', learn: (host: bigint) => programs.addRemote([at(peer, host)]) },
])('who $name is reached during a scan', ({ learn }) => {
  for (let host = 0x1000n; passes(host); host++); // as long as the budget lasts
  expect(passes(7n)).toBe(false)
  learn(7n)
  for (let i = 0; i < 50; i++) expect(passes(7n)).toBe(true)
})

test('a site that makes up hosts makes only so many of them known', () => {
  for (let host = 1n; host <= 2_000n; host++) answers(host)
  scan(0x1_0000n, 1_000)
  expect(scan(1n, 2_000)).toBeLessThanOrEqual(2 * answering)
})
