import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressIn, contains, formatIp6, formatPrefix, type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { delegationBlock, isAssignable, lanPlan, maxSubnet, upperHalf, useOf } from '../../../appliance/plane/plan.ts'
import { parseNetworkId, parseNodeAddress, sitePrefix } from '../../../appliance/plane/sixplane.ts'

const site = sitePrefix(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const anyHost = fc.oneof(
  fc.bigInt(0n, (1n << 48n) - 1n),
  // The first addresses of every LAN, where the borders are.
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 0x2_0000 })).map(([octet, low]) => {
    return (BigInt(octet) << 40n) | BigInt(low)
  }),
)
const anySubnet = fc.option(fc.integer({ min: 0, max: maxSubnet }), { nil: undefined })

describe('the plan of a LAN', () => {
  test('the first is on-link as the whole /80 and gives away its lower half', () => {
    const plan = lanPlan(site, undefined)
    expect({
      prefix: formatPrefix(plan.prefix),
      router: formatIp6(plan.router),
      first: formatIp6(plan.dynamic.first),
      last: formatIp6(plan.dynamic.last),
    }).toEqual({
      prefix: 'fc9c:56c2:e389:e92c:eee5::/80',
      router: 'fc9c:56c2:e389:e92c:eee5::1',
      first: 'fc9c:56c2:e389:e92c:eee5:0:1:0',
      last: 'fc9c:56c2:e389:e92c:eee5:7fff:ffff:ffff',
    })
  })

  test.for([
    { subnet: 0, prefix: 'fc9c:56c2:e389:e92c:eee5:8000::/88', last: 'fc9c:56c2:e389:e92c:eee5:80ff:ffff:ffff' },
    { subnet: 63, prefix: 'fc9c:56c2:e389:e92c:eee5:bf00::/88', last: 'fc9c:56c2:e389:e92c:eee5:bfff:ffff:ffff' },
  ])('subnet $subnet is $prefix', ({ subnet, prefix, last }) => {
    const plan = lanPlan(site, subnet)
    expect([formatPrefix(plan.prefix), formatIp6(plan.dynamic.last)]).toEqual([prefix, last])
    expect(plan.router).toBe(addressIn(plan.prefix, 1n))
  })

  test.for([-1, 64, 1.5, Number.NaN])('there is no subnet %s', subnet => {
    expect(() => lanPlan(site, subnet)).toThrow(RangeError)
  })

  test('LANs give away nothing of each other', () => {
    fc.assert(
      fc.property(anySubnet, anySubnet, anyHost, (a, b, host) => {
        fc.pre(a !== b)
        const address = addressIn(site, host)
        expect(isAssignable(lanPlan(site, a), address) && isAssignable(lanPlan(site, b), address)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('what an address is for', () => {
  test.for([
    ['fc9c:56c2:e389:e92c:eee5::', { kind: 'anycast', subnet: undefined }],
    ['fc9c:56c2:e389:e92c:eee5::1', { kind: 'router', subnet: undefined }],
    ['fc9c:56c2:e389:e92c:eee5::2', { kind: 'reserved', subnet: undefined }],
    ['fc9c:56c2:e389:e92c:eee5::ffff', { kind: 'reserved', subnet: undefined }],
    ['fc9c:56c2:e389:e92c:eee5::1:0', { kind: 'dynamic', subnet: undefined }],
    ['fc9c:56c2:e389:e92c:eee5:7fff:ffff:ffff', { kind: 'dynamic', subnet: undefined }],
    ['fc9c:56c2:e389:e92c:eee5:8000::', { kind: 'anycast', subnet: 0 }],
    ['fc9c:56c2:e389:e92c:eee5:8000::1', { kind: 'router', subnet: 0 }],
    ['fc9c:56c2:e389:e92c:eee5:bf00::ffff', { kind: 'reserved', subnet: 63 }],
    ['fc9c:56c2:e389:e92c:eee5:bfff:ffff:ffff', { kind: 'dynamic', subnet: 63 }],
    ['fc9c:56c2:e389:e92c:eee5:c000::', { kind: 'delegation' }],
    ['fc9c:56c2:e389:e92c:eee5:ffff:ffff:ffff', { kind: 'delegation' }],
    ['fc9c:56c2:e389:e92c:eee6::1', { kind: 'foreign' }],
  ] as const)('%s', ([text, use]) => {
    expect(useOf(site, parseIp6(text))).toEqual(use)
  })

  test('agrees with the plan of its LAN, for every address of the site', () => {
    fc.assert(
      fc.property(anyHost, host => {
        const address = addressIn(site, host)
        const use = useOf(site, address)
        if (use.kind === 'foreign') throw new Error('an address of the site is foreign')
        expect(contains(upperHalf(site), address)).toBe(host >= 1n << 47n)
        expect(contains(delegationBlock(site), address)).toBe(use.kind === 'delegation')
        if (use.kind === 'delegation') return
        const plan = lanPlan(site, use.subnet)
        expect(contains(plan.prefix, address)).toBe(true)
        expect(address === plan.router).toBe(use.kind === 'router')
        expect(address >= plan.dynamic.first && address <= plan.dynamic.last).toBe(use.kind === 'dynamic')
        expect(isAssignable(plan, address)).toBe(use.kind === 'dynamic' || use.kind === 'reserved')
      }),
      { numRuns: 2000 },
    )
  })

  test('an address outside the /80 is foreign', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), value => {
        fc.pre(!contains(site, value as Ip6))
        expect(useOf(site, value as Ip6)).toEqual({ kind: 'foreign' })
      }),
    )
  })
})
