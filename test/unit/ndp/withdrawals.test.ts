import { expect, test } from 'vitest'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { type AdvertisementPlan, advertisement } from '../../../appliance/ndp/advertisement.ts'
import type { Option } from '../../../appliance/ndp/options.ts'
import { Withdrawals } from '../../../appliance/ndp/withdrawals.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { plan, site } from './plan.ts'

const say = (change: Partial<AdvertisementPlan> = {}) => advertisement({ ...plan, ...change }).options
const otherSite = siteOf(site.network, parseNodeAddress('1234567890'))
const moved = { site: otherSite, lan: lanPlan(otherSite.sitePrefix, undefined) }
const gone = (prefix: string): Option => ({
  kind: 'prefix-information',
  prefix: parsePrefix(prefix),
  onLink: true,
  autonomous: false,
  validLifetime: 0,
  preferredLifetime: 0,
})

test('L04 a new site prefix withdraws the old one, and nothing that is still true', () => {
  const withdrawals = new Withdrawals()
  withdrawals.replace(say(), say(moved), 0)
  expect(withdrawals.options(0)).toEqual([gone('fc9c:56c2:e389:e92c:eee5::/80')])
})

test('L02 it is repeated for 5400 s, no longer', () => {
  const withdrawals = new Withdrawals()
  withdrawals.replace(say(), say(moved), 1000)
  expect(withdrawals.options(5_400_999)).toHaveLength(1)
  expect(withdrawals.options(5_401_000)).toEqual([])
})

test('L02 what was said for a shorter time is withdrawn for that time only', () => {
  const withdrawals = new Withdrawals()
  withdrawals.replace(say(), say({ networkOnLink: false }), 0)
  expect(withdrawals.options(0)).toEqual([
    gone('fc9c:56c2:e300::/40'),
    { kind: 'route-information', prefix: parsePrefix('fc9c:56c2:e300::/41'), preference: 'medium', lifetime: 0 },
    { kind: 'route-information', prefix: parsePrefix('fc9c:56c2:e380::/41'), preference: 'medium', lifetime: 0 },
  ])
  expect(withdrawals.options(1_800_000)).toEqual([])
})

test('L03 what comes back is not withdrawn any more', () => {
  const withdrawals = new Withdrawals()
  withdrawals.replace(say(), say(moved), 0)
  withdrawals.replace(say(moved), say(), 1000)
  expect(withdrawals.options(2000)).toEqual([
    gone(`${'fc9c:56c2:e312:3456:7890'}::/80`), // and the one in between goes
  ])
})

test('A48 A49 a DNS server and a domain that go are withdrawn by themselves', () => {
  const [one, two] = [parseIp6('2001:db8::1'), parseIp6('2001:db8::2')]
  const withdrawals = new Withdrawals()
  withdrawals.replace(
    say({ dns: { servers: [one, two], search: ['lan', 'old.lan'] } }),
    say({ dns: { servers: [two], search: ['lan'] } }),
    0,
  )
  expect(withdrawals.options(0)).toEqual([
    { kind: 'rdnss', servers: [one], lifetime: 0 },
    { kind: 'dnssl', names: ['old.lan'], lifetime: 0 },
  ])
})

test('L02 what hosts were told to forget already needs no withdrawal', () => {
  const withdrawals = new Withdrawals()
  withdrawals.replace(say({ networkReachable: false }), say({ networkReachable: false, networkOnLink: false }), 0)
  expect(withdrawals.options(0)).toEqual([])
})

test('A44 many changes withdraw the last twelve', () => {
  const withdrawals = new Withdrawals()
  const servers = Array.from({ length: 30 }, (_, i) => parseIp6(`2001:db8::${(i + 1).toString(16)}`))
  withdrawals.replace(say({ dns: { servers, search: [] } }), say(), 0)
  expect(withdrawals.options(0).map(option => option.kind === 'rdnss' && option.servers)).toEqual(
    servers.slice(-12).map(server => [server]),
  )
})
