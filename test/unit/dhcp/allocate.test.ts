import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressIn, parseIp6 } from '../../../appliance/base/ip6.ts'
import { allocate, candidate, isReservedInterfaceId } from '../../../appliance/dhcp/allocate.ts'
import { addressOf, type BindingKey } from '../../../appliance/dhcp/binding.ts'
import { duidFromBytes } from '../../../appliance/dhcp/duid.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { type NetworkId, type NodeAddress, sitePrefix } from '../../../appliance/plane/sixplane.ts'
import { host, macB } from './scene.ts'

const prefix = sitePrefix(0x8056c2e21c000001n as NetworkId, 0x89e92ceee5n as NodeAddress)
const secret = new Uint8Array(32).fill(7)
const key: BindingKey = { subnet: undefined, duid: host, iaType: 'na', iaid: 1, clone: undefined }

const arbitraryKey = fc.record({
  subnet: fc.option(fc.nat(63), { nil: undefined }),
  duid: fc.uint8Array({ minLength: 3, maxLength: 130 }).map(duidFromBytes),
  iaType: fc.constant('na' as const),
  iaid: fc.nat(0xffff_ffff),
  clone: fc.constant(undefined),
})

test('J02 every candidate lies in the dynamic range of its LAN', () => {
  fc.assert(
    fc.property(arbitraryKey, fc.nat(100), (any, counter) => {
      const plan = lanPlan(prefix, any.subnet)
      const address = addressOf(plan.prefix, candidate(any, counter, secret, plan))
      expect(address >= plan.dynamic.first && address <= plan.dynamic.last).toBe(true)
    }),
  )
})

test('J02 the same host has the same last bits on every site, for ever', () => {
  const elsewhere = sitePrefix(0x1234567890abcdefn as NetworkId, 1n as NodeAddress)
  const here = candidate(key, 0, secret, lanPlan(prefix, undefined))
  expect(candidate(key, 0, secret, lanPlan(elsewhere, undefined))).toBe(here)
  expect(here).toMatchInlineSnapshot(`9027048060757`)
})

test('J01 J02 each of the inputs matters', () => {
  const plan = lanPlan(prefix, 0)
  const all = [
    candidate({ ...key, subnet: 0 }, 0, secret, plan),
    candidate({ ...key, subnet: 1 }, 0, secret, plan),
    candidate({ ...key, subnet: 0, iaid: 2 }, 0, secret, plan),
    candidate({ ...key, subnet: 0, iaType: 'pd' }, 0, secret, plan),
    candidate({ ...key, subnet: 0, clone: macB }, 0, secret, plan),
    candidate({ ...key, subnet: 0 }, 1, secret, plan),
    candidate({ ...key, subnet: 0 }, 0, new Uint8Array(32), plan),
  ]
  expect(new Set(all).size).toBe(all.length)
})

test('J02 the whole range is used', () => {
  const plan = lanPlan(prefix, undefined)
  const octets = new Set<number>()
  for (let iaid = 0; iaid < 2000; iaid++) octets.add(Math.floor(candidate({ ...key, iaid }, 0, secret, plan) / 2 ** 40))
  expect([...octets].sort((a, b) => a - b)).toEqual(Array.from({ length: 128 }, (_, i) => i))
})

test('J04 what is not free is passed over, and where nothing is free there is none', () => {
  const plan = lanPlan(prefix, undefined)
  const first = allocate(key, secret, plan, () => true)
  expect(allocate(key, secret, plan, each => each !== first)).toBe(candidate(key, 1, secret, plan))
  expect(allocate(key, secret, plan, () => false)).toBeUndefined()
})

test.for([
  ['fc00::', true],
  ['fc00::1:fdff:ffff:ffff:ff7f', false],
  ['fc00::fdff:ffff:ffff:ff80', true],
  ['fc00::fdff:ffff:ffff:ffff', true],
  ['fc00::200:5eff:fe00:0', true],
  ['fc00::200:5eff:fe00:5212', true],
  ['fc00::200:5eff:fe00:5213', false],
  ['fc9c:56c2:e389:e92c:eee5::abcd', false],
] as const)('J03 %s is kept by IANA: %s', ([address, reserved]) => {
  expect(isReservedInterfaceId(parseIp6(address))).toBe(reserved)
})

test('C21 J03 neither the router nor the anycast address nor a reservation is ever given', () => {
  for (const subnet of [undefined, 0, 63]) {
    const plan = lanPlan(prefix, subnet)
    expect(plan.dynamic.first).toBe(addressIn(plan.prefix, 0x10000n))
  }
})
