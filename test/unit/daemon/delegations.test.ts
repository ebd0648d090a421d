import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { Clock } from '../../../appliance/base/clock.ts'
import { formatPrefix, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { DelegationRoutes, delegationFaults, stand } from '../../../appliance/daemon/delegations.ts'
import type { Binding } from '../../../appliance/dhcp/binding.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { openStore } from '../../../appliance/dhcp/store.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { type KernelState, mark, type Route } from '../../../appliance/netlink/kernel.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { commit } from '../dhcp/stored.ts'

const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const { lan } = parseConfig(
  'f.yaml',
  'overlay: {network: "8056c2e21c000001"}\nlan: [{interface: eth1, delegate: {}}, {interface: eth2, subnet: 3}]',
)
const now = 1_800_000_000_000

const delegation = (index: number, over: Partial<Binding> = {}): Binding => ({
  subnet: undefined,
  duid: parseDuid('00:04:aa:bb'),
  iaType: 'pd',
  iaid: index,
  clone: undefined,
  host: 0xc0 * 2 ** 40 + index * 2 ** 32,
  delegated: { length: 96, via: parseIp6('fe80::a') },
  mac: undefined,
  hostname: undefined,
  state: 'bound',
  grantedAt: now,
  preferredUntil: now + 3_000,
  validUntil: now + 5_000,
  ...over,
})

test('I04 there is a route for each live delegation of a LAN that is configured, and a look when the first one ends', () => {
  vi.useFakeTimers()
  const folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  const time = { at: now }
  const clock: Clock = { now: () => time.at, monotonic: () => time.at - now }
  using store = openStore(join(folder, 'leases.db'), silentLog, clock, true)
  try {
    const bindings = [
      delegation(1),
      delegation(2, { subnet: 3, validUntil: now + 9_000 }),
      delegation(3, { subnet: 4 }), // of a LAN that is no longer configured
      delegation(4, { state: 'released' }),
      delegation(5, { validUntil: now - 1 }),
    ]
    store.stage(bindings.map(binding => ({ kind: 'put', binding })))
    expect(commit(store)).toBe(true)
    let woken = 0
    const routes = new DelegationRoutes(store, () => woken++)
    const text = () => routes.wanted(lan, site).map(({ prefix, link }) => `${formatPrefix(prefix)} ${link}`)
    expect(text()).toEqual(['fc9c:56c2:e389:e92c:eee5:c001::/96 eth1', 'fc9c:56c2:e389:e92c:eee5:c002::/96 eth2'])
    vi.advanceTimersByTime(5_000)
    expect(woken).toBe(0)
    time.at = now + 5_001
    vi.advanceTimersByTime(1)
    expect(woken).toBe(1)
    expect(text()).toEqual(['fc9c:56c2:e389:e92c:eee5:c002::/96 eth2'])
    expect(routes.wanted(lan, undefined)).toEqual([])
    routes.stop()
    vi.advanceTimersByTime(10_000)
    expect(woken).toBe(1)
  } finally {
    vi.useRealTimers()
    rmSync(folder, { recursive: true })
  }
})

test.for([
  { name: 'as wanted', over: {}, stands: true },
  { name: 'by another client', over: { via: parseIp6('fe80::b') }, stands: false },
  { name: 'on another link', over: { link: 3 }, stands: false },
  { name: 'of somebody else', over: { protocol: 3 }, stands: false },
])('I04 a route $name stands: $stands', ({ over, stands }) => {
  const route: Route = {
    table: 80,
    kind: 'unicast',
    destination: {
      address: (site.sitePrefix.address + (0xc001n << 32n)) as Route['destination']['address'],
      length: 96,
    },
    link: 2,
    via: parseIp6('fe80::a'),
    metric: 1024,
    protocol: mark,
    ...over,
  }
  const state: KernelState = {
    links: [],
    addresses: [],
    routes: [route],
    rules: [],
    neighbours: [],
    found: [],
    programs: [],
    direct: true,
    hooks: [],
    sysctls: new Map(),
  }
  expect(stand([delegation(1)], 2, site, state)).toBe(stands)
  expect(stand([delegation(1), delegation(2)], 2, site, state)).toBe(false)
})

test.for([
  { name: 'an empty pool', lengths: [], full: false },
  { name: 'a pool with a place', lengths: [96, 96, 96], full: false },
  { name: 'a pool of whole places', lengths: [96, 96, 96, 96], full: true },
  { name: 'a pool of a short one and a long one', lengths: [95, 96, 104], full: true },
  { name: 'a pool whose leases have ended', lengths: [96, 96, 96, 96], ended: true, full: false },
])('$name is used up: $full', ({ lengths, ended, full }) => {
  const pool = parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/94')
  const plan = lanPlan(site.sitePrefix, undefined)
  const table = new Table()
  let next = 0
  for (const [i, length] of lengths.entries()) {
    const host = 0xc0 * 2 ** 40 + next
    next += Math.max(2 ** 32, 2 ** (128 - length))
    const delegated = { length, via: parseIp6('fe80::a') }
    table.apply([{ kind: 'put', binding: delegation(i, { host, delegated }) }])
  }
  const faults = delegationFaults(
    { plan, delegate: { prefix: pool, delegatedLength: 96, shortestLength: 94 } },
    table,
    ended ? now + 86_400_000 : now,
  )
  const sentence =
    'the pool of prefixes to delegate, fc9c:56c2:e389:e92c:eee5:c000::/94, is used up: new clients get none until leases end'
  expect(faults).toEqual(full ? [sentence] : [])
})
