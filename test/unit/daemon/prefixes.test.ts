import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { contains, formatPrefix, type Ip6, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import type { Surroundings } from '../../../appliance/daemon/named-prefix.ts'
import { Prefixes } from '../../../appliance/daemon/prefixes.ts'
import { scopeOf } from '../../../appliance/daemon/scope.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import type { PrefixRequest } from '../../../appliance/http/api.ts'
import { type KernelState, mark } from '../../../appliance/netlink/kernel.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const now = 1_800_000_000_000
const network = parseNetworkId('8056c2e21c000001')
const site = siteOf(network, parseNodeAddress('89e92ceee5'))
const start = 'fc9c:56c2:e389:e92c:eee5'
const around = (lan: string, over: Partial<Surroundings> = {}): Surroundings => ({
  config: parseConfig('f.yaml', `overlay: {network: "8056c2e21c000001"}\nlan: ${lan}`),
  site,
  overlay: 'zt0',
  isFirst: true,
  ...over,
})
const router = around('[{interface: eth1, delegate: {}}, {interface: eth2, subnet: 3}]')
const host = around('[]')

let folder: string
let table: Table
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  table = new Table()
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = () =>
  new Prefixes({ file: join(folder, 'prefixes.json'), bindings: table, now: () => now, log: silentLog })
const text = (prefixes: Prefixes, where = router) =>
  prefixes
    .routes(where)
    .map(({ prefix, link, via }) => `${formatPrefix(prefix)} ${link}${via === undefined ? '' : ' via'}`)

describe('which prefix a name has', () => {
  test('none of those that hosts without DHCPv6 are translated to', () => {
    const [one, two] = ['[{interface: eth1}]', '[{interface: eth1, slaac: true}]'].map(lan => around(lan))
    const length = 83 // two of them are in the pool, and one is not whole
    const allocated = (where: Surroundings) =>
      ['a', 'b'].map(
        name => open().allocate({ name: name + where.config.lan[0]!.slaac, interface: 'tap0', length }, where).kind,
      )
    expect(allocated(one!)).toEqual(['done', 'done'])
    rmSync(join(folder, 'prefixes.json'))
    expect(allocated(two!)).toEqual(['done', 'refused'])
  })

  test('the same whatever was allocated before, and after all files are lost', () => {
    const first = open()
    first.allocate({ name: 'docker', interface: 'docker0' }, router)
    first.allocate({ name: 'vm1', interface: 'tap0', length: 112 }, router)
    const routes = text(first)
    expect(routes).toEqual([`${start}:ee63::/96 docker0`, `${start}:f2d9:9218:0/112 tap0`])
    expect(text(open())).toEqual(routes)
    rmSync(join(folder, 'prefixes.json'))
    const second = open()
    second.allocate({ name: 'vm1', interface: 'tap0', length: 112 }, router)
    second.allocate({ name: 'docker', interface: 'docker0' }, router)
    expect(text(second).sort()).toEqual(routes.sort())
  })

  test('none that shares an address with another, a reservation or a delegation, wherever they are', () => {
    const reserved = around(
      '[{interface: eth1, delegate: {}, reservations: [{hwAddress: "02:00:00:00:00:01", prefixes: ["::c000:0:0/84"]}]}]',
    )
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(names, fc.integer({ min: 83, max: 86 }), fc.integer({ min: 0, max: 15 }), (all, length, place) => {
        rmSync(join(folder, 'prefixes.json'), { force: true })
        table = new Table()
        const delegated = { address: 0xc0 * 2 ** 40 + place * 2 ** 42, length: 86 }
        table.apply([{ kind: 'put', binding: binding(delegated.address, delegated.length) }])
        const prefixes = open()
        for (const name of all) prefixes.allocate({ name, interface: 'tap0', length }, reserved)
        const taken = [
          parsePrefix(`${start}:c000::/84`),
          {
            address: (site.sitePrefix.address + BigInt(delegated.address)) as typeof site.sitePrefix.address,
            length: 86,
          },
          ...prefixes.routes(reserved).map(({ prefix }) => prefix),
        ]
        for (const [i, a] of taken.entries()) {
          expect(contains(parsePrefix(`${start}:c000::/82`), a)).toBe(true)
          for (const b of taken.slice(i === 0 ? 2 : i + 1)) expect(contains(a, b) || contains(b, a)).toBe(false)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('none that a DHCPv6 client may have from then on, and a reservation that comes later is told of', () => {
    const prefixes = open()
    prefixes.allocate({ name: 'docker', interface: 'docker0' }, router)
    const [{ host, length }] = prefixes.ranges as [{ host: number; length: number }]
    const [lan] = router.config.lan
    const scope = scopeOf(lan!, [lanPlan(site.sitePrefix, undefined)], prefixes.ranges)
    expect(scope?.reservations.within(host, host)).toHaveLength(1)
    expect(scopeOf(lan!, [lanPlan(site.sitePrefix, undefined)], [])?.reservations.within(host, host)).toEqual([])
    const prefix = `${formatPrefix({ address: (site.sitePrefix.address + BigInt(host)) as Ip6, length })}`
    const reserved = `[{interface: eth1, delegate: {}, reservations: [{hwAddress: "02:00:00:00:00:01", prefixes: ["${prefix}"]}]}]`
    expect(prefixes.conflicts(router, undefined)).toEqual([])
    expect(prefixes.conflicts(around(reserved), undefined)).toEqual([
      `${prefix} is reserved on eth1, but docker has it: siteplane prefix release docker`,
    ])
  })

  test('one whose lease has ended is free again', () => {
    table.apply([{ kind: 'put', binding: { ...binding(0xc0 * 2 ** 40, 82), validUntil: now - 1 } }])
    expect(open().allocate({ name: 'docker', interface: 'docker0' }, router).kind).toBe('done')
  })

  test('on a host without LANs all of the site, or a part that leaves ::0 to ::ffff alone', () => {
    const prefixes = open()
    prefixes.allocate({ name: 'docker', interface: 'docker0', length: 80 }, host)
    expect(text(prefixes, host)).toEqual([`${start}::/80 docker0`])
    expect(prefixes.allocate({ name: 'vm', interface: 'tap0' }, host)).toEqual({
      kind: 'refused',
      status: 409,
      error: `no /96 is free in ${start}::/80: docker has all of it`,
    })
    prefixes.release('docker')
    prefixes.allocate({ name: 'docker', interface: 'docker0', length: 81 }, host)
    expect(text(prefixes, host)).toEqual([`${start}:8000::/81 docker0`])
    // With a LAN there these addresses are others': nothing is routed, and the row says so.
    expect(text(prefixes, router)).toEqual([])
    expect(prefixes.rows(router, undefined)[0]).toMatchObject({
      state: 'waiting',
      reason: `is not of ${start}:c000::/82, where prefixes come from: release it and allocate it again`,
    })
  })
})

const binding = (first: number, length: number) => ({
  subnet: undefined,
  duid: parseDuid('00:04:aa:bb'),
  iaType: 'pd' as const,
  iaid: 1,
  clone: undefined,
  host: first,
  delegated: { length, via: parseIp6('fe80::a') },
  mac: undefined,
  hostname: undefined,
  state: 'bound' as const,
  grantedAt: now,
  preferredUntil: now + 3_000,
  validUntil: now + 5_000,
})

test.for<readonly [PrefixRequest, string]>([
  [
    { name: 'vm1', interface: 'tap1' },
    `vm1 is taken: ${start}:d218::/96 on tap0; siteplane prefix release vm1 gives it up`,
  ],
  [{ name: 'vm2', interface: 'eth1' }, 'vm2 needs a next hop on LAN eth1: --via names the host that it is for'],
  [{ name: 'vm2', interface: 'zt0' }, "vm2 can't be routed to zt0, which is the overlay"],
  [{ name: 'vm2', interface: 'lo' }, 'lo is no name of an interface'],
  [
    { name: 'vm2', interface: 'tap1', length: 64 },
    `/64 can't be had: prefixes come from ${start}:c000::/82, so --length is 82 to 128`,
  ],
  [
    { name: 'vm2', via: '2001:db8::1' },
    `2001:db8::1 is on no LAN of this site: a next hop has an address in ${start}::/80 or a link-local one`,
  ],
  [{ name: 'vm2', via: `${start}::1` }, `vm2 has no next hop: ${start}::1 is this router itself`],
  [{ name: 'vm2', via: `${start}:8500::5` }, `vm2 has no next hop: ${start}:8500:0:5 is on no LAN of this site`],
  [{ name: 'vm2', via: 'fe80::1' }, 'vm2 has no next hop: fe80::1 may be on any LAN: --interface says on which'],
  [
    { name: 'vm2', via: 'fe80::1', interface: 'tap0' },
    'vm2 has no next hop: fe80::1 is on tap0, which is no LAN of this site',
  ],
  [{ name: 'vm2', via: 'docker1' }, '--via: docker1 is not an IPv6 address'],
  [
    { name: '../x', interface: 'tap1' },
    'a name has 1 to 32 letters, digits, dots, hyphens and underscores, and begins with a letter or digit',
  ],
])('%o is refused in a sentence', ([request, error]) => {
  const prefixes = open()
  prefixes.allocate({ name: 'vm1', interface: 'tap0' }, router)
  expect(prefixes.allocate(request, router)).toMatchObject({ kind: 'refused', error })
})

test('what leads nowhere is kept for the operator, also by the next daemon', () => {
  const prefixes = open()
  const { what } = prefixes.allocate({ name: 'pods' }, router) as { what: { host: number } }
  expect(text(prefixes)).toEqual([])
  for (const each of [prefixes, open()]) {
    const kept = { name: 'pods', via: null, interface: null, state: 'kept', reason: null }
    expect(each.rows(router, undefined)).toMatchObject([kept])
    expect(each.conflicts(router, undefined)).toEqual([])
    expect(each.allocate({ name: 'pods' }, router)).toMatchObject({ kind: 'done', what, created: false })
  }
})

test('a next hop of the site keeps its last bits under another prefix, and so does the prefix', () => {
  const prefixes = open()
  prefixes.allocate({ name: 'docker1', via: `${start}::5` }, router)
  prefixes.allocate({ name: 'docker2', via: 'fe80::5', interface: 'eth2' }, router)
  const other = { ...router, site: siteOf(network, parseNodeAddress('1122334455')) }
  expect(
    prefixes.rows(other, undefined).map(({ prefix, via, interface: link }) => `${prefix} via ${via} dev ${link}`),
  ).toEqual([
    expect.stringMatching(/^fc9c:56c2:e311:2233:4455:.*::\/96 via fc9c:56c2:e311:2233:4455::5 dev eth1$/),
    expect.stringMatching(/^fc9c:56c2:e311:2233:4455:.*::\/96 via fe80::5 dev eth2$/),
  ])
})

test.for([
  { name: 'no link', links: [], state: 'waiting', reason: 'waits for interface tap0, which does not exist' },
  {
    name: 'a link that is down',
    links: [{ up: false }],
    state: 'waiting',
    reason: 'waits for interface tap0 to be set up: ip link set tap0 up',
  },
  {
    name: 'no route',
    links: [{ up: true }],
    state: 'waiting',
    reason: 'waits for its route: siteplane status may say why',
  },
  { name: 'its route', links: [{ up: true }], routed: true, state: 'routed', reason: null },
])('with $name a prefix is $state', ({ links, routed, state, reason }) => {
  const prefixes = open()
  prefixes.allocate({ name: 'vm1', interface: 'tap0' }, router)
  const [wanted] = prefixes.routes(router)
  const route = {
    table: 80,
    kind: 'unicast',
    destination: wanted!.prefix,
    link: 4,
    via: undefined,
    metric: 1024,
    protocol: mark,
  } as const
  const kernel = {
    links: links.map(({ up }) => ({ index: 4, name: 'tap0', up })),
    routes: routed ? [route] : [],
  } as unknown as KernelState
  expect(prefixes.rows(router, kernel)).toEqual([expect.objectContaining({ name: 'vm1', state, reason })])
})

test.for([
  { has: [], told: [] },
  { has: ['fe80::1', 'fd00::1'], told: [] },
  { has: [`${start}:ee63:1:1`], told: [] },
  {
    has: ['fe80::1', 'fc9c:56c2:e311:2233:4455:ee63:0:1'],
    told: [
      `docker0 has fc9c:56c2:e311:2233:4455:ee63:0:1, which is not of ${start}:ee63::/96, the prefix of docker: what is behind it can't be reached until it has ${start}:ee63:0:1`,
    ],
  },
])('a bridge with the addresses $has', ({ has, told }) => {
  const prefixes = open()
  prefixes.allocate({ name: 'docker', interface: 'docker0' }, router)
  const kernel = {
    links: [{ index: 4, name: 'docker0', up: true }],
    addresses: has.map(address => ({ link: 4, address: parseIp6(address) })),
    routes: [],
  } as unknown as KernelState
  expect(prefixes.conflicts(router, kernel)).toEqual(told)
})

test('nothing is changed where the file can not be written, and a damaged one is set aside', () => {
  const file = join(folder, 'prefixes.json')
  writeFileSync(file, '{"prefixes": [{"name": "vm1", "first": "::c000:0:0"}]}')
  const prefixes = open()
  expect(text(prefixes)).toEqual([])
  expect(readFileSync(`${file}.bad`, 'utf8')).toContain('vm1')
  const { file: _, ...rest } = { file, bindings: table, now: () => now, log: silentLog }
  const nowhere = new Prefixes({ ...rest, file: join(folder, 'none', 'prefixes.json') })
  expect(nowhere.allocate({ name: 'vm1', interface: 'tap0' }, router)).toMatchObject({ kind: 'refused', status: 503 })
  expect(text(nowhere)).toEqual([])
  expect(nowhere.release('vm1')).toEqual({
    kind: 'refused',
    status: 404,
    error: 'no prefix is called vm1: siteplane prefix list shows those that there are',
  })
})

test('of several networks each has its own: a name is in one of them, and keeps its place from the others', () => {
  const plant = siteOf(parseNetworkId('610252ad3bc0ffee'), parseNodeAddress('89e92ceee5'))
  const second = around('[{interface: eth1, delegate: {}}]', { site: plant, overlay: 'zt1', isFirst: false })
  const prefixes = open()
  const ask = (name: string, where: Surroundings) => prefixes.allocate({ name, interface: name }, where)
  expect([ask('docker', router).kind, ask('plc', second).kind, ask('plc', second).kind]).toEqual(Array(3).fill('done'))
  expect(ask('plc', router)).toMatchObject({ status: 409, error: expect.stringContaining('in another overlay') })
  const again = open()
  for (const each of [prefixes, again]) {
    expect(text(each)).toEqual([expect.stringMatching(/^fc9c:56c2:e389:e92c:eee5:.* docker$/)])
    expect(text(each, second)).toEqual([expect.stringMatching(/^fc5a:c2ad:4389:e92c:eee5:.* plc$/)])
    expect(each.rows(second, undefined)).toMatchObject([{ name: 'plc', network: '610252ad3bc0ffee' }])
    expect(each.ranges).toHaveLength(2) // no client gets either, in any network
  }
  expect(again.lost([network, plant.network])).toEqual([])
  expect(again.lost([network])).toMatchObject([
    { name: 'plc', state: 'waiting', reason: expect.stringContaining('siteplane prefix release plc') },
  ])
  expect(again.release('plc').kind).toBe('done')
})
