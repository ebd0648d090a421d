import { describe, expect, test } from 'vitest'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { advertisement } from '../../../appliance/ndp/advertisement.ts'
import type { RouterAdvertisement } from '../../../appliance/ndp/message.ts'
import type { Option } from '../../../appliance/ndp/options.ts'
import { OtherRouters } from '../../../appliance/ndp/other-routers.ts'
import { plan, site } from './plan.ts'

const ours = {
  advertisement: advertisement({ ...plan, mtu: 1500 }),
  networkPrefixes: [site.networkPrefix],
}
const router = parseIp6('fe80::66')
const prefix = (text: string, rest: Partial<Extract<Option, { kind: 'prefix-information' }>> = {}): Option => ({
  kind: 'prefix-information',
  prefix: parsePrefix(text),
  onLink: true,
  autonomous: false,
  validLifetime: 86_400,
  preferredLifetime: 86_400,
  ...rest,
})
const route = (text: string, lifetime: number): Option => ({
  kind: 'route-information',
  prefix: parsePrefix(text),
  preference: 'medium',
  lifetime,
})
const own = 'fc9c:56c2:e389:e92c:eee5::/80'

/** An ordinary internet router: hosts make their own addresses, and it is the default router. */
const internet: RouterAdvertisement = {
  ...ours.advertisement,
  currentHopLimit: 64,
  routerLifetime: 1800,
  reachableTime: 30_000,
  options: [prefix('2001:db8::/64', { autonomous: true }), { kind: 'mtu', mtu: 1500 }, route('::/0', 1800)],
}

const heard = (theirs: RouterAdvertisement) => new OtherRouters().heard(router, theirs, ours, 0)

test('A20 an internet router beside us contradicts nothing, though its values are not our 0', () => {
  expect(heard(internet)).toMatchObject({ news: false, router: { contradictions: [], differences: [] } })
})

test('A20 other flags are a difference, which hosts cope with', () => {
  const { router, news } = heard({ ...internet, managed: false, other: false })
  expect(router.contradictions).toEqual([])
  expect(router.differences).toEqual(['it says managed false, we say true', 'it says other false, we say true'])
  expect(news).toBe(true)
})

test('where another router speaks in our place, its routes to all of the network are meant so, and those to a part are not', () => {
  const options = ['fc9c:56c2:e300::/40', 'fc9c:56c2:e380::/41', 'fc9c:56c2:e301::/48'].map(text => route(text, 1800))
  const theirs = { ...ours.advertisement, options }
  const { contradictions } = new OtherRouters().heard(router, theirs, { ...ours, silent: true }, 0).router
  expect(contradictions).toEqual(['it advertises a route of medium preference to fc9c:56c2:e301::/48'])
  expect(heard(theirs).router.contradictions).toHaveLength(3)
})

describe('A20 contradictions', () => {
  test.for<{ name: string; option: Option; said: string[] }>([
    {
      name: 'another MTU',
      option: { kind: 'mtu', mtu: 1400 },
      said: ['it says MTU 1400, we say 1500'],
    },
    {
      name: 'a part of the network as on-link',
      option: prefix('fc9c:56c2:e312:3456:7890::/80'),
      said: ['it advertises fc9c:56c2:e312:3456:7890::/80, a part of this network'],
    },
    {
      name: 'our prefix for addresses of the hosts’ own making',
      option: prefix(own, { autonomous: true }),
      said: [`it lets hosts make their own addresses in ${own}, we don't`],
    },
    {
      name: 'our prefix off-link',
      option: prefix(own, { onLink: false }),
      said: [`it says that ${own} is not on-link, we say that it is`],
    },
    {
      name: 'the end of our prefix',
      option: prefix(own, { validLifetime: 0, preferredLifetime: 0 }),
      said: [
        `it says validLifetime 0 for ${own}, we say 86400`,
        `it says preferredLifetime 0 for ${own}, we say 86400`,
      ],
    },
    {
      name: 'a route to a part of the network',
      option: route('fc9c:56c2:e300::/48', 600),
      said: ['it advertises a route of medium preference to fc9c:56c2:e300::/48'],
    },
  ])('$name', ({ option, said }) => {
    expect(heard({ ...internet, options: [option] }).router.contradictions).toEqual(said)
  })

  test.for<{ name: string; option: Option }>([
    { name: 'a lifetime that counts down', option: prefix(own, { validLifetime: 50_000, preferredLifetime: 50_000 }) },
    {
      name: 'a part of the network that it withdraws',
      option: prefix('fc9c:56c2:e312:3456:7890::/80', { validLifetime: 0, preferredLifetime: 0 }),
    },
    { name: 'a route that it withdraws', option: route('fc9c:56c2:e300::/48', 0) },
    { name: 'a prefix of its own', option: prefix('fd00:1::/64', { autonomous: true }) },
  ])('$name is none', ({ option }) => {
    expect(heard({ ...internet, options: [option] }).router.contradictions).toEqual([])
  })
})

test('A20 what was told is news no more, until it changes', () => {
  const others = new OtherRouters()
  const hear = (option: Option) => others.heard(router, { ...internet, options: [option] }, ours, 0).news
  const [bad, worse] = [route('fc9c:56c2:e300::/48', 600), route('fc9c:56c2:e300::/49', 600)]
  expect(hear(bad)).toBe(true)
  expect(hear(bad)).toBe(true) // nobody was told yet
  others.told(router)
  expect(hear(bad)).toBe(false)
  expect(hear(worse)).toBe(true)
})

test('a router is forgotten ten minutes after its last word, a long-lived one when its lifetime ends', () => {
  const others = new OtherRouters()
  others.heard(router, { ...internet, routerLifetime: 0 }, ours, 1_000)
  others.heard(parseIp6('fe80::67'), internet, ours, 1_000)
  expect(others.list(601_000)).toHaveLength(2)
  expect(others.list(601_001).map(({ linkLocal }) => linkLocal)).toEqual([parseIp6('fe80::67')])
  expect(others.list(1_801_001)).toEqual([])
})

test('a stranger who invents routers fills a short list, and hides none that speaks now', () => {
  const others = new OtherRouters()
  const invent = (n: number, now: number) =>
    others.heard(parseIp6(`fe80::${n.toString(16)}`), { ...internet, routerLifetime: 65_535 }, ours, now)
  for (let n = 1; n <= 5000; n++) invent(n, n)
  expect(others.list(5000)).toHaveLength(16)
  expect(others.heard(router, { ...internet, options: [route('fc9c:56c2:e300::/48', 600)] }, ours, 6000).news).toBe(
    true,
  )
  expect(others.list(6000).map(({ linkLocal }) => linkLocal)).toContain(router)
  expect(others.list(6000)).toHaveLength(16)
})
