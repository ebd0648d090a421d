import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip6, parseIp6, parsePrefix, prefixOf, solicitedNode } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { type Instruction, solicitationFilter } from '../../../appliance/plane/solicitation-filter.ts'
import { icmp6Frame } from '../ndp/frame.ts'
import { site } from '../ndp/plan.ts'
import { icmp6, readPcap } from '../pcap.ts'

/** What the kernel does with a filter: only the few instructions that we use; loads past the end drop the frame. */
function passes(program: readonly Instruction[], frame: Uint8Array): boolean {
  let accumulator = 0
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = program[at]!
    const word = () => ((frame[k]! << 24) | (frame[k + 1]! << 16) | (frame[k + 2]! << 8) | frame[k + 3]!) >>> 0
    if (code === 0x06) return k > 0
    if (code === 0x15) at += accumulator === k ? jt : jf
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (k + (code === 0x20 ? 4 : 1) > frame.length) return false
    else accumulator = code === 0x20 ? word() : frame[k]!
  }
}

const solicitation = (target: Ip6) =>
  icmp6Frame(
    { kind: 'neighbour-solicitation', target, options: [] },
    {
      from: parseMac('02:00:00:00:00:0b'),
      source: parseIp6('fe80::b'),
      destination: solicitedNode(target),
    },
  )

test('the filter passes solicitations for the network and nothing else that hosts send', () => {
  const filter = solicitationFilter(parsePrefix('fc5a:c2ad:4300::/40'))
  const frames = ['kernel-ra', 'dhcpcd', 'networkd'].flatMap(readPcap)
  const wanted = icmp6(frames, [135]).filter(({ bytes }) => bytes.subarray(8, 13).join() === '252,90,194,173,67')
  expect(wanted.length).toBeGreaterThan(3)
  expect(frames.filter(frame => passes(filter, frame))).toEqual(wanted.map(({ frame }) => frame))
})

test('the filter tells any two prefixes apart', () => {
  const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(value => value as Ip6)
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 128 }), fc.integer({ min: 0, max: 127 }), (target, length, bit) => {
      const filter = solicitationFilter(prefixOf(target, length))
      expect(passes(filter, solicitation(target))).toBe(true)
      const other = (target ^ (1n << BigInt(127 - bit))) as Ip6
      expect(passes(filter, solicitation(other))).toBe(bit >= length)
    }),
  )
})

test.for([
  { name: 'a hop limit of 254', at: 21, value: 254 },
  { name: 'another protocol', at: 20, value: 17 },
  { name: 'an advertisement', at: 54, value: 136 },
])('B01 the filter drops $name', ({ at, value }) => {
  const frame = solicitation(parseIp6('fc9c:56c2:e300::1'))
  expect(passes(solicitationFilter(site.networkPrefix), frame)).toBe(true)
  frame[at] = value
  expect(passes(solicitationFilter(site.networkPrefix), frame)).toBe(false)
})
