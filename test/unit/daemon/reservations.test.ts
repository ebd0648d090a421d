import { expect, test } from 'vitest'
import { type Prefix, parsePrefix } from '../../../appliance/base/ip6.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { reservationNotices, reservationsOf } from '../../../appliance/daemon/reservations.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { type LanPlan, lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5')).sitePrefix
const plan = lanPlan(site, undefined)
const now = 1_800_000_000_000
const { lan } = parseConfig(
  'f.yaml',
  `overlay: {network: "8056c2e21c000001"}
lan:
  - interface: eth1
    delegate: {}
    reservations:
      - {hwAddress: 02:00:00:00:00:11, hostname: printer, ipAddresses: ["::11", "fc9c:56c2:e389:e92c:eee5::12"]}
      - {duid: 00:04:aa, iaid: 4, prefixes: ["::c000:1:0/112"]}
      - {hostname: pc, ipAddresses: ["fc9c:56c2:e311:2222:3333::13"]}
  - interface: eth2
    subnet: 2
    reservations:
      - {hostname: nas, ipAddresses: ["::11", "fc9c:56c2:e389:e92c:eee5:8200:0:12"]}
`,
)
const [first, second] = lan as [(typeof lan)[number], (typeof lan)[number]]
const scope = { plan, beside: [], away: [], reservations: reservationsOf(first, [plan]) }

test('a reserved address is the same offset in its LAN, written whole or as its last bits', () => {
  expect([...reservationsOf(first, [plan]).all].map(({ hosts }) => hosts)).toEqual([[0x11, 0x12], [], []])
  expect([...reservationsOf(second, [lanPlan(site, 2)]).all].map(({ hosts }) => hosts)).toEqual([[0x11, 0x12]])
  const [, withPrefix] = [...reservationsOf(first, [plan]).all]
  expect(withPrefix).toMatchObject({
    identity: { kind: 'duid', duid: '00:04:aa', iaid: 4 },
    prefixes: [{ host: 0xc000_0001_0000, length: 112 }],
  })
  expect(reservationsOf(first, [plan])).toBe(reservationsOf(first, [lanPlan(site, undefined)]))
})

test('LANs share a pool: a prefix that is reserved on one is free on none of the others', () => {
  const [from, to] = [0xc000_0001_0000, 0xc000_0001_ffff]
  expect(reservationsOf(first, [plan]).within(from, to)).toEqual([[...reservationsOf(first, [plan]).all][1]])
  const there = reservationsOf(second, [lanPlan(site, 2)])
  expect(there.within(from, to).length).toBe(1)
  expect([...there.all].length).toBe(1)
})

test('what is of another site is told, and so is who has what is reserved for another', () => {
  let table = new Table()
  const foreign =
    'fc9c:56c2:e311:2222:3333::13 is reserved on eth1, but it is not of this site, fc9c:56c2:e389:e92c:eee5::/80: give its last bits alone'
  expect(reservationNotices(first, scope, table, now)).toEqual([foreign])
  const hold = (duid: string, hostname: string | undefined) =>
    table.apply([
      {
        kind: 'put',
        binding: {
          subnet: undefined,
          duid: parseDuid(duid),
          iaType: 'na',
          iaid: 1,
          clone: undefined,
          host: 0x11,
          mac: undefined,
          hostname,
          state: 'bound',
          grantedAt: now,
          preferredUntil: now + 1000,
          validUntil: now + 1000,
        },
      },
    ])
  hold('00:04:bb', 'laptop')
  expect(reservationNotices(first, scope, table, now)).toEqual([
    foreign,
    'fc9c:56c2:e389:e92c:eee5::11 is reserved for another host than laptop, which has it until it renews',
  ])
  expect(reservationNotices(first, scope, table, now + 1000)).toEqual([foreign])
  table = new Table()
  hold('00:03:00:01:02:00:00:00:00:11', undefined) // the host itself
  expect(reservationNotices(first, scope, table, now)).toEqual([foreign])
  table.apply([
    {
      kind: 'quarantine',
      quarantine: {
        subnet: undefined,
        host: 0x12,
        duid: parseDuid('00:04:cc'),
        iaid: 1,
        mac: undefined,
        registeredAt: undefined,
        until: now + 1000,
      },
    },
  ])
  expect(reservationNotices(first, scope, table, now)).toEqual([
    foreign,
    'fc9c:56c2:e389:e92c:eee5::12 is reserved, but was found in use by another host: nobody gets it for a day',
  ])
})

test('of several networks a whole address may be of any', () => {
  const plant = parsePrefix('fc5a:c2ad:4311:2222:3333::/80')
  const { lan: lans } = parseConfig(
    'f.yaml',
    `overlays: [{name: office, network: "8056c2e21c000001"}, {name: plant, network: "610252ad3bc0ffee"}]
lan:
  - interface: eth1
    overlays: [office, plant]
    reservations:
      - {hostname: a, ipAddresses: ["fc9c:56c2:e389:e92c:eee5::11", "fc5a:c2ad:4311:2222:3333::11"]}
      - {hostname: b, ipAddresses: ["fc5a:c2ad:4311:2222:3333::12"]}
      - {hostname: c, ipAddresses: ["fc5a:c2ad:4399:9999:9999::13"]}
`,
  )
  const several = lans[0]!
  const plans = [lanPlan(site, undefined), lanPlan(plant, undefined)] as const
  const reservations = reservationsOf(several, plans)
  expect([...reservations.all].map(({ hosts }) => hosts)).toEqual([[0x11], [0x12], []])
  const told = (beside: readonly LanPlan[], away: readonly Prefix[]) =>
    reservationNotices(several, { plan: plans[0], beside, away, reservations }, new Table(), now)
  expect(told([plans[1]], [])).toEqual([
    'fc5a:c2ad:4399:9999:9999::13 is reserved on eth1, but it is not of this site, fc9c:56c2:e389:e92c:eee5::/80 or fc5a:c2ad:4311:2222:3333::/80: give its last bits alone',
  ])
  expect(told([], [parsePrefix('fc5a:c2ad:4300::/40')])).toEqual([]) // nobody can tell yet
})
