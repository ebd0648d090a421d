import { expect, test } from 'vitest'
import { toHex } from '../../../appliance/base/bytes.ts'
import { formatPrefix, halves, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import {
  type AdvertisementPlan,
  advertisement,
  finalAdvertisement,
  split,
} from '../../../appliance/ndp/advertisement.ts'
import { encodeMessage, type RouterAdvertisement } from '../../../appliance/ndp/message.ts'
import { optionsOf } from '../../../appliance/ndp/options.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { plan, site } from './plan.ts'

/** What an operator would call what is said: one line an option. */
function lines({ options }: RouterAdvertisement): string[] {
  return options.map(option => {
    switch (option.kind) {
      case 'prefix-information': {
        const flags = `${option.onLink ? ' on-link' : ''}${option.autonomous ? ' autonomous' : ''}`
        return `prefix ${formatPrefix(option.prefix)}${flags} ${option.validLifetime}/${option.preferredLifetime}`
      }
      case 'route-information':
        return `route ${formatPrefix(option.prefix)} ${option.preference} ${option.lifetime}`
      case 'rdnss':
        return `servers ${option.servers.length} ${option.lifetime}`
      case 'dnssl':
        return `domains ${option.names.join(' ')} ${option.lifetime}`
      case 'mtu':
        return `mtu ${option.mtu}`
      default:
        return `mac ${option.mac}`
    }
  })
}

test('A06 A22 A23 A32 the header: managed and other, no default router, everything else left to others', () => {
  expect(toHex(encodeMessage({ ...advertisement(plan), options: [] }))).toBe('8600000000c0000000000000' + '00000000')
})

test('A24 A43 A47 the four-line configuration: both prefixes on-link, the network as two routes', () => {
  expect(lines(advertisement(plan))).toEqual([
    'mac 02:00:00:00:00:01',
    'prefix fc9c:56c2:e389:e92c:eee5::/80 on-link 86400/86400',
    'prefix fc9c:56c2:e300::/40 on-link 1800/1800',
    'route fc9c:56c2:e300::/41 medium 1800',
    'route fc9c:56c2:e380::/41 medium 1800',
  ])
})

test('A24 the whole advertisement, octet for octet', () => {
  expect(toHex(encodeMessage(advertisement(plan)))).toBe(
    [
      '86000000 00c00000 00000000 00000000',
      '0101 020000000001',
      '0304 5080 00015180 00015180 00000000 fc9c56c2e389e92ceee5000000000000',
      '0304 2880 00000708 00000708 00000000 fc9c56c2e30000000000000000000000',
      '1802 2900 00000708 fc9c56c2e3000000',
      '1802 2900 00000708 fc9c56c2e3800000',
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test.for<{ name: string; change: Partial<AdvertisementPlan>; said: string[] }>([
  {
    name: 'A43 networkOnLink off: one route, and the network is not on-link',
    change: { networkOnLink: false },
    said: ['prefix fc9c:56c2:e389:e92c:eee5::/80 on-link 86400/86400', 'route fc9c:56c2:e300::/40 medium 1800'],
  },
  {
    name: 'A45 the network is out of reach: its routes and its prefix are withdrawn, the LAN’s own prefix stays',
    change: { networkReachable: false },
    said: [
      'prefix fc9c:56c2:e389:e92c:eee5::/80 on-link 86400/86400',
      'prefix fc9c:56c2:e300::/40 on-link 0/0',
      'route fc9c:56c2:e300::/41 medium 0',
      'route fc9c:56c2:e380::/41 medium 0',
    ],
  },
  {
    name: 'a further LAN: its /88, and the same routes',
    change: { lan: lanPlan(site.sitePrefix, 3) },
    said: [
      'prefix fc9c:56c2:e389:e92c:eee5:8300::/88 on-link 86400/86400',
      'prefix fc9c:56c2:e300::/40 on-link 1800/1800',
      'route fc9c:56c2:e300::/41 medium 1800',
      'route fc9c:56c2:e380::/41 medium 1800',
    ],
  },
  {
    name: 'A29 A48 A49 MTU, DNS servers and domains where configured',
    change: { mtu: 1400, dns: { servers: [parseIp6('2001:db8::53')], search: ['lan', 'example.org'] } },
    said: [
      'mtu 1400',
      'prefix fc9c:56c2:e389:e92c:eee5::/80 on-link 86400/86400',
      'prefix fc9c:56c2:e300::/40 on-link 1800/1800',
      'route fc9c:56c2:e300::/41 medium 1800',
      'route fc9c:56c2:e380::/41 medium 1800',
      'servers 1 1800',
      'domains lan example.org 1800',
    ],
  },
])('$name', ({ change, said }) => {
  expect(lines(advertisement({ ...plan, ...change }))).toEqual(['mac 02:00:00:00:00:01', ...said])
})

test('a LAN in two networks: its prefix and its routes in each, in one advertisement, and each comes and goes alone', () => {
  const other = siteOf(parseNetworkId('610252ad3bc0ffee'), parseNodeAddress('89e92ceee5'))
  const beside = { site: other, lan: lanPlan(other.sitePrefix, undefined), networkReachable: false }
  const said = lines(advertisement({ ...plan, beside: [beside] }))
  expect(said).toEqual([
    'mac 02:00:00:00:00:01',
    'prefix fc9c:56c2:e389:e92c:eee5::/80 on-link 86400/86400',
    'prefix fc5a:c2ad:4389:e92c:eee5::/80 on-link 86400/86400',
    'prefix fc9c:56c2:e300::/40 on-link 1800/1800',
    'route fc9c:56c2:e300::/41 medium 1800',
    'route fc9c:56c2:e380::/41 medium 1800',
    'prefix fc5a:c2ad:4300::/40 on-link 0/0',
    'route fc5a:c2ad:4300::/41 medium 0',
    'route fc5a:c2ad:4380::/41 medium 0',
  ])
  const last = lines(finalAdvertisement({ ...plan, beside: [{ ...beside, networkReachable: true }] }))
  expect(last.filter(line => / 1800/.test(line))).toEqual([])
})

test('A16 the last word withdraws the network and keeps the LAN', () => {
  expect(finalAdvertisement(plan)).toEqual(advertisement({ ...plan, networkReachable: false }))
})

test('A28 A44 no prefix twice among the routes, and never the link-local one', () => {
  const routes = optionsOf(advertisement(plan).options, 'route-information').map(({ prefix }) => formatPrefix(prefix))
  expect(new Set(routes).size).toBe(routes.length)
  expect(routes).toEqual(halves(parsePrefix('fc9c:56c2:e300::/40')).map(formatPrefix))
})

test('A30 A31 what is too long for one packet goes into several, each complete in its header and with the MAC', () => {
  const servers = Array.from({ length: 40 }, (_, i) => parseIp6(`2001:db8::${i.toString(16)}`))
  const search = Array.from({ length: 60 }, (_, i) => `domain${i}.example`)
  const whole = advertisement({ ...plan, dns: { servers, search } })
  const parts = split(whole, 1240)
  expect(parts.map(part => encodeMessage(part).length <= 1240)).toEqual([true, true])
  for (const part of parts) {
    expect(part.options[0]).toEqual({ kind: 'source-link-layer-address', mac: plan.mac })
    expect({ ...part, options: [] }).toEqual({ ...whole, options: [] })
  }
  const rest = (message: RouterAdvertisement) => message.options.slice(1)
  expect(parts.flatMap(rest)).toEqual(rest(whole))
  expect(split(advertisement(plan), 1240)).toEqual([advertisement(plan)])
})

test('hosts make addresses of the prefix that is for it, and of no other', () => {
  const autonomous = parsePrefix('fdd8:5fd3:3009::/64')
  const told = optionsOf(advertisement({ ...plan, autonomous }).options, 'prefix-information')
  expect(told.filter(each => each.autonomous)).toMatchObject([{ prefix: autonomous, onLink: true }])
  expect(told).toHaveLength(3)
})
