import { describe, expect, test } from 'vitest'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { type LanNetwork, type LanWorld, placedIn, readiness } from '../../../appliance/daemon/lan-world.ts'
import type { Address, Link } from '../../../appliance/netlink/kernel.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const link: Link = {
  index: 2,
  name: 'eth1',
  mac: parseMac('02:00:00:00:00:01'),
  mtu: 1500,
  up: true,
  carrier: true,
  loopback: false,
  allMulticast: false,
}
const address: Address = {
  link: 2,
  address: parseIp6('fe80::1'),
  length: 64,
  protocol: 0,
  scope: 'link',
  tentative: false,
  dadFailed: false,
}
const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const network: LanNetwork = {
  network: site.network,
  site,
  previous: undefined,
  former: undefined,
  networkReachable: true,
  answeredInKernel: false,
  inStep: true,
}
const unknown = { ...network, network: parseNetworkId('610252ad3bc0ffee'), site: undefined, inStep: false }
const whole: LanWorld = {
  networks: [network],
  gone: [],
  links: [link],
  addresses: [address],
  overlays: ['zt0'],
  autonomous: () => undefined,
}

describe('a LAN is served when everything it needs is there, and else says what it waits for', () => {
  test('everything', () => {
    expect(readiness('eth1', whole)).toEqual({
      name: 'eth1',
      index: 2,
      mac: '02:00:00:00:00:01',
      linkLocal: parseIp6('fe80::1'),
    })
  })

  test('of two link-locals the one in use stays, the first one is taken otherwise (A19)', () => {
    const second = { ...address, address: parseIp6('fe80::2') }
    const both = { ...whole, addresses: [address, second] }
    expect(readiness('eth1', both, second.address)).toMatchObject({ linkLocal: second.address })
    expect(readiness('eth1', both)).toMatchObject({ linkLocal: address.address })
    expect(readiness('eth1', whole, second.address)).toMatchObject({ linkLocal: address.address })
  })

  test.for([
    ['no interface', { links: [] }, 'for interface eth1, which does not exist'],
    [
      'not Ethernet',
      { links: [{ ...link, mac: undefined }] },
      'for an Ethernet interface: eth1 has no link-layer address',
    ],
    ['down', { links: [{ ...link, up: false }] }, 'for interface eth1 to be set up: ip link set eth1 up'],
    ['no cable', { links: [{ ...link, carrier: false }] }, 'for a cable on eth1: it has no carrier'],
    ['no link-local', { addresses: [] }, 'for a link-local address on eth1'],
    ['another link has one', { addresses: [{ ...address, link: 3 }] }, 'for a link-local address on eth1'],
    ['tentative', { addresses: [{ ...address, tentative: true }] }, 'for a link-local address on eth1'],
    [
      'duplicate',
      { addresses: [{ ...address, dadFailed: true }] },
      'for a link-local address on eth1: another host uses the one it has',
    ],
    ['an overlay itself', { overlays: ['zt0', 'eth1'] }, 'for an interface of its own: eth1 is that of the overlay'],
    [
      'no site in any network',
      { networks: [unknown, unknown] },
      'for the site: the overlay does not say yet which prefix it has',
    ],
  ] as const)('%s', ([, missing, sentence]) => {
    expect(readiness('eth1', { ...whole, ...missing })).toBe(sentence)
  })

  test('one network of several is enough, and the others are not waited for', () => {
    const both = { ...whole, networks: [unknown, network] }
    expect(readiness('eth1', both)).toMatchObject({ name: 'eth1' })
    expect(placedIn(both, 3)).toMatchObject([{ site, plan: { subnet: 3 } }])
  })
})
