import { describe, expect, test } from 'vitest'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { flagsOf } from '../../../appliance/daemon/flags.ts'
import { managedNotices } from '../../../appliance/daemon/managed.ts'
import type { OtherRouter } from '../../../appliance/ndp/other-routers.ts'
import { lan } from '../config/problems.ts'

const router: OtherRouter = {
  linkLocal: parseIp6('fe80::9'),
  mac: parseMac('02:00:00:00:00:09'),
  managed: true,
  other: true,
  routerLifetime: 1800,
  preference: 'medium',
  prefixes: [parsePrefix('2001:db8:1::/64')],
  contradictions: [],
  differences: [],
  firstSeen: 0,
  lastSeen: 0,
}

describe('a router that sends hosts to a DHCPv6 server', () => {
  test('is named with what it advertises and what that may cost', () => {
    expect(managedNotices('eth1', [router], [], 'on')).toEqual([
      'the router fe80::9 (02:00:00:00:00:09), which advertises 2001:db8:1::/64, sends hosts on eth1 to DHCPv6 (managed flag), and none but ours has answered: a host that takes its address from another server has none of this site; Rapid Commit is off meanwhile',
    ])
    expect(managedNotices('eth1', [router], [], 'off')[0]).toMatch(/none has answered us: .* of this site$/)
  })

  test('is no news where its server is named already, and none without the flag', () => {
    const server = { linkLocal: parseIp6('fe80::77'), mac: router.mac! }
    expect(managedNotices('eth1', [router], [server], 'on')).toEqual([])
    const byAddress = { linkLocal: router.linkLocal, mac: parseMac('02:00:00:00:00:77') }
    expect(managedNotices('eth1', [router], [byAddress], 'on')).toEqual([])
    expect(managedNotices('eth1', [{ ...router, managed: false }], [], 'on')).toEqual([])
  })
})

test.for([
  ['', true, true],
  ['    dhcpv6: off\n', false, false],
  ['    dhcpv6: off\n    advertise: {managed: true}\n', true, true],
  ['    dhcpv6: off\n    advertise: {otherConfig: true}\n', false, true],
  ['    dhcpv6: off\n    advertise: {managed: true, otherConfig: false}\n', true, false],
  ['    advertise: {managed: true}\n', true, true],
] as const)('A23 with "%s" M is %s and O is %s', ([text, managed, otherConfig]) => {
  expect(flagsOf(parseConfig('f.yaml', lan(text)).lan[0]!)).toEqual({ managed, otherConfig })
})
