import { describe, expect, test } from 'vitest'
import { formatIp6, formatPrefix, parsePrefix } from '../../../appliance/base/ip6.ts'
import { desired, nothing } from '../../../appliance/netlink/desired.ts'
import { forwardingMode } from '../../../appliance/netlink/forwarding.ts'
import { noIntent } from '../../../appliance/netlink/intent.ts'
import { noChanges } from '../../../appliance/netlink/journal.ts'
import { MemoryKernel } from '../../../appliance/netlink/memory.ts'
import { formatRoute, formatRule } from '../../../appliance/netlink/reconcile-text.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { intent, links, siteB, siteC } from './scenario-table.ts'

function machine(options?: { force?: boolean }): MemoryKernel {
  const kernel = new MemoryKernel(options)
  for (const link of links) kernel.addLink(link)
  return kernel
}

const usual = intent({ overlay: 'zt0', lans: [{ link: 'eth1' }], resolver: 'netlink' })

async function wanted(kernel: MemoryKernel, given = usual, changes = noChanges) {
  const state = await kernel.state()
  const goal = desired(given, state, changes)
  return {
    ...goal,
    routes: goal.routes.map(route => formatRoute(route, state.links)),
    rules: goal.rules.map(formatRule),
    sysctls: goal.sysctls.map(({ path, value }) => `${path}=${value}`),
  }
}

test('without a site nothing of ours is wanted', async () => {
  expect(desired(noIntent, await machine().state(), noChanges)).toEqual(nothing)
})

test('containers forward on a kernel that knows it for the whole machine alone, where other links are shut', async () => {
  const prefix = parsePrefix('fc9c:56c2:e389:e930:5ee:c123::/96')
  const given = intent({ overlay: 'zt0', routes: [{ prefix, link: 'eth2', via: undefined }] })
  const { rules, sysctls } = await wanted(machine({ force: false }), given)
  expect(rules.filter(rule => rule.includes('prohibit'))).toEqual([
    '1078: iif eth1 prohibit proto 80',
    '1078: iif wan0 prohibit proto 80',
    '1081: iif zt0 prohibit proto 80',
    '1082: iif eth2 prohibit proto 80',
  ])
  expect(sysctls).toContain('ipv6/conf/all/forwarding=1')
  const host = await wanted(machine({ force: false }), intent({ overlay: 'zt0' }))
  expect(host.rules.filter(rule => rule.includes('1078') || rule.includes('1082'))).toEqual([])
  expect(host.sysctls).toEqual(['ipv6/conf/zt0/accept_ra=0', 'ipv6/conf/zt0/accept_redirects=0'])
})

describe('links', () => {
  test('a link that is down gets neither addresses nor routes, which it would lose, and its /80 is unreachable', async () => {
    const kernel = machine()
    kernel.setLink('eth1', { up: false })
    const { addresses, routes, rules } = await wanted(kernel)
    expect(addresses).toEqual([])
    expect(routes.filter(route => route.includes('5ee::/80'))).toEqual([
      'unreachable fc9c:56c2:e389:e930:5ee::/80 table 80 proto 80 metric 65535',
    ])
    expect(rules).toContain('1082: iif eth1 prohibit proto 80')
  })

  test('with the overlay away the /40 is unreachable, never the default route', async () => {
    const kernel = machine()
    kernel.removeLink('zt0')
    const { routes, sysctls, rules } = await wanted(kernel)
    expect(routes.filter(route => route.includes('/40'))).toEqual([
      'unreachable fc9c:56c2:e300::/40 table 80 proto 80 metric 65535',
    ])
    expect(sysctls.filter(line => line.includes('zt0'))).toEqual([])
    expect(rules).toContain('1081: iif zt0 prohibit proto 80')
  })

  test('the loopback is left alone', async () => {
    expect((await wanted(machine())).sysctls.filter(line => line.includes('/lo/'))).toEqual([])
  })

  test('the loopback is neither LAN nor overlay, whatever is intended: a rule for it would cut off the machine itself', async () => {
    const { addresses, routes, rules, sysctls, allMulticast } = await wanted(
      machine(),
      intent({ overlay: 'lo', assignAddress: true, lans: [{ link: 'lo' }], resolver: 'netlink' }),
    )
    expect({ addresses, allMulticast }).toEqual({ addresses: [], allMulticast: [] })
    expect([...routes, ...rules, ...sysctls].filter(line => /\blo\b/.test(line))).toEqual([])
  })
})

describe('forwarding', () => {
  test.for([
    { name: 'between interfaces where the kernel can', force: true, before: '0', mode: 'interface' },
    { name: 'as a whole where it can not', force: false, before: '0', mode: 'all' },
    { name: 'by someone before us', force: true, before: '1', mode: 'already' },
  ])('$name', async ({ force, before, mode }) => {
    const kernel = machine({ force })
    kernel.write('ipv6/conf/all/forwarding', before)
    expect(forwardingMode(await kernel.state(), noChanges)).toBe(mode)
    const written = (await wanted(kernel)).sysctls.filter(line => line.includes('all/forwarding'))
    expect(written).toEqual(mode === 'all' ? ['ipv6/conf/all/forwarding=1'] : [])
  })

  test('as a whole lets in by LANs and overlay alone: others are shut before the /40 is looked up', async () => {
    const kernel = machine({ force: false })
    expect((await wanted(kernel)).rules).toEqual([
      '1078: iif eth2 prohibit proto 80',
      '1078: iif wan0 prohibit proto 80',
      '1079: to fc9c:56c2:e389:e930:5ee::/80 lookup 254 suppress_prefixlength 80 proto 80',
      '1080: to fc9c:56c2:e300::/40 lookup 80 proto 80',
      '1081: iif zt0 prohibit proto 80',
      '1082: iif eth1 prohibit proto 80',
    ])
    kernel.addLink('docker0')
    expect((await wanted(kernel)).rules).toContain('1078: iif docker0 prohibit proto 80')
  })

  test.for([
    { name: 'where the kernel chooses by interface', force: true, before: '0' },
    { name: 'of someone else', force: false, before: '1' },
  ])('$name shuts no other link', async ({ force, before }) => {
    const kernel = machine({ force })
    kernel.write('ipv6/conf/all/forwarding', before)
    expect((await wanted(kernel)).rules.filter(rule => rule.startsWith('1078'))).toEqual([])
  })

  test('as a whole, with the journal lost: a link that we shut stays shut', async () => {
    const kernel = machine({ force: false })
    kernel.write('ipv6/conf/all/forwarding', '1')
    const rule = desired(usual, await machine({ force: false }).state(), noChanges).rules.find(
      ({ inputLink }) => inputLink === 'wan0',
    )!
    kernel.edit({ op: 'add-rule', rule })
    expect((await wanted(kernel)).rules.filter(line => line.startsWith('1078'))).toEqual([
      '1078: iif wan0 prohibit proto 80',
    ])
  })

  test('accept_ra stands before any switch, and 0 stays 0', async () => {
    const kernel = machine()
    kernel.write('ipv6/conf/eth2/accept_ra', '0')
    const { sysctls } = await wanted(kernel)
    const last = sysctls.findLastIndex(line => line.includes('accept_ra='))
    expect(sysctls.findIndex(line => line.includes('forwarding='))).toBeGreaterThan(last)
    expect(sysctls.filter(line => line.includes('eth2'))).toEqual([])
  })
})

test('a sysctl that this kernel lacks is not wanted', async () => {
  const kernel = machine({ force: false })
  const state = await kernel.state()
  const sysctls = new Map([...state.sysctls].filter(([path]) => !path.endsWith('rt_info_max_plen')))
  const paths = desired(usual, { ...state, sysctls }, noChanges).sysctls.map(({ path }) => path)
  expect(paths.filter(path => path.includes('rt_info') || path.includes('force_'))).toEqual([])
})

test('two overlays: each with its routes, and nothing goes from one to the other', async () => {
  const first = intent({ overlay: 'zt0', lans: [{ link: 'eth1' }] })
  const second = intent({ site: siteC, overlay: 'wan0', lans: [{ link: 'eth2', subnet: 0 }] })
  const { routes, rules, hooks } = await wanted(machine({ force: true }), { ...first, beside: [second] })
  expect(routes.filter(route => !route.startsWith('unreachable'))).toEqual([
    'fc9c:56c2:e389:e930:5ee::/80 dev eth1 table 80 proto 80 metric 1024',
    'fc9c:56c2:e300::/40 dev zt0 table 80 proto 80 metric 1024',
    'fc5a:c2ad:433f:f01:c29:8000::/88 dev eth2 table 80 proto 80 metric 1024',
    'fc5a:c2ad:4300::/40 dev wan0 table 80 proto 80 metric 1024',
  ])
  expect(rules).toEqual([
    '1077: to fc5a:c2ad:4300::/40 iif eth1 prohibit proto 80',
    '1077: to fc5a:c2ad:4300::/40 iif zt0 prohibit proto 80',
    '1077: to fc9c:56c2:e300::/40 iif eth2 prohibit proto 80',
    '1077: to fc9c:56c2:e300::/40 iif wan0 prohibit proto 80',
    '1079: to fc9c:56c2:e389:e930:5ee::/80 lookup 254 suppress_prefixlength 80 proto 80',
    '1079: to fc5a:c2ad:433f:f01:c29::/80 lookup 254 suppress_prefixlength 80 proto 80',
    '1080: to fc9c:56c2:e300::/40 lookup 80 proto 80',
    '1080: to fc5a:c2ad:4300::/40 lookup 80 proto 80',
    '1081: iif zt0 prohibit proto 80',
    '1081: iif wan0 prohibit proto 80',
    '1082: iif eth1 prohibit proto 80',
    '1082: iif eth2 prohibit proto 80',
  ])
  expect(hooks).toEqual([2, 3, 4, 5])
})

test('a site that has moved: its LANs are also what they were, and nothing else there is', async () => {
  const given = intent({ overlay: 'zt0', lans: [{ link: 'eth1' }, { link: 'eth2', subnet: 5 }] })
  const lans = given.lans.map(lan => ({ ...lan, former: lanPlan(siteB.sitePrefix, lan.plan.subnet) }))
  const { routes, addresses } = await wanted(machine(), { ...given, lans })
  expect(routes.filter(route => route.includes(':d0e:'))).toEqual([
    'fc9c:56c2:e30a:b0c:d0e::/80 dev eth1 table 80 proto 80 metric 1024',
    'fc9c:56c2:e30a:b0c:d0e:8500::/88 dev eth2 table 80 proto 80 metric 1024',
    'unreachable fc9c:56c2:e30a:b0c:d0e:8000::/81 table 80 proto 80 metric 1024',
    'unreachable fc9c:56c2:e30a:b0c:d0e::/80 table 80 proto 80 metric 65535',
  ])
  expect(addresses.map(({ link, address }) => [link, formatIp6(address)])).toEqual([
    [2, 'fc9c:56c2:e389:e930:5ee::1'],
    [2, 'fc9c:56c2:e30a:b0c:d0e::1'],
    [3, 'fc9c:56c2:e389:e930:5ee:8500:0:1'],
    [3, 'fc9c:56c2:e30a:b0c:d0e:8500:0:1'],
  ])
})

test('each LAN stands in its own part of the site', async () => {
  const given = intent({ lans: [{ link: 'eth1' }, { link: 'eth2', subnet: 63 }] })
  expect(given.lans.map(lan => formatPrefix(lan.plan.prefix))).toEqual([
    'fc9c:56c2:e389:e930:5ee::/80',
    'fc9c:56c2:e389:e930:5ee:bf00::/88',
  ])
  expect((await wanted(machine(), given)).addresses.map(address => address.length)).toEqual([80, 88])
})

test('what is on a LAN and not of the site is looked up before the overlay is refused', async () => {
  const prefix = parsePrefix('fdd8:5fd3:3009::/64')
  const { routes, rules } = await wanted(machine(), { ...usual, local: [{ prefix, link: 'eth1' }] })
  expect(routes).toContain('fdd8:5fd3:3009::/64 dev eth1 table 80 proto 80 metric 1024')
  const rule = rules.indexOf('1080: to fdd8:5fd3:3009::/64 lookup 80 proto 80')
  expect(rule).toBeGreaterThan(-1)
  expect(rules.indexOf('1081: iif zt0 prohibit proto 80')).toBeGreaterThan(rule)
})
