import { describe, expect, test } from 'vitest'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { judge, type Member } from '../../../appliance/overlay/judge.ts'
import type { LinkView } from '../../../appliance/overlay/overlay.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { recordedMember } from './facts.ts'

const network = parseNetworkId('610252ad3bc0ffee')
const site = siteOf(network, parseNodeAddress('be3ff01c29'))
const member = recordedMember as unknown as Member
const link: LinkView = { name: 'ztzq4zeuwv', index: 7, mac: site.mac, up: true, carrier: true, mtu: 2800 }

const report = (changes: Partial<Member> | 'not joined' | 'no interface', links?: readonly LinkView[]) => {
  const status = { address: 'be3ff01c29', version: '1.14.1', online: true }
  return judge(
    network,
    {
      kind: 'answered',
      status,
      member: typeof changes === 'string' ? undefined : { ...member, ...changes },
      remembered: changes !== 'not joined',
    },
    links,
  )
}

test('a recorded member is ok, with its site', () => {
  const ok = {
    kind: 'zerotier',
    state: 'ok',
    network,
    node: site.node,
    interface: 'ztzq4zeuwv',
    site,
    carries: true,
    notices: [],
  }
  expect(report({})).toEqual(ok)
  expect(report({}, [{ ...link, name: 'eth0', index: 2 }, link])).toEqual(ok)
})

describe('every other state says what to do', () => {
  const id = '610252ad3bc0ffee'
  test.for([
    {
      changes: 'not joined' as const,
      state: 'not-joined',
      reason: `this node has not joined the network: zerotier-cli join ${id}`,
    },
    {
      changes: 'no interface' as const,
      state: 'no-interface',
      reason: `ZeroTier has joined ${id} and has no interface for it: if it stays so, see that /dev/net/tun is there (modprobe tun), then systemctl restart zerotier-one`,
    },
    {
      changes: { status: 'ACCESS_DENIED' },
      state: 'denied',
      reason: `authorise node be3ff01c29 as a member of ${id} at its controller`,
    },
    {
      changes: { status: 'REQUESTING_CONFIGURATION' },
      state: 'unauthorised',
      reason: `the controller of ${id} has not answered node be3ff01c29 yet: if it stays so, see that the id is right and that node 610252ad3b, its controller, runs`,
    },
    {
      changes: { status: 'AUTHENTICATION_REQUIRED' },
      state: 'unauthorised',
      reason: `${id} wants a login: zerotier-cli listnetworks shows its address`,
    },
    {
      changes: { status: 'NOT_FOUND' },
      state: 'not-found',
      reason: `node 610252ad3b is the controller of no network ${id}: see that the id is right`,
    },
    {
      changes: { status: 'CLIENT_TOO_OLD' },
      state: 'denied',
      reason: `${id} asks for a newer ZeroTier than 1.14.1: upgrade it`,
    },
    {
      changes: { status: 'PORT_ERROR', portError: -999 },
      state: 'no-interface',
      reason:
        "ZeroTier can't make its interface (error -999): see that /dev/net/tun is there (modprobe tun), then systemctl restart zerotier-one",
    },
    {
      changes: { status: 'SOMETHING_NEW' },
      state: 'down',
      reason: `ZeroTier says SOMETHING_NEW of ${id}: see zerotier-cli listnetworks`,
    },
    {
      changes: { assignedAddresses: [] },
      state: 'no-6plane',
      reason: `${id} gives this node no 6PLANE address: switch on 6PLANE at its controller`,
    },
    {
      changes: { assignedAddresses: ['10.1.2.3/24', 'fd61:252:ad3b:c0ff:ee99:93be:3ff0:1c29/88'] },
      state: 'no-6plane',
      reason: `${id} has RFC 4193 mode alone, in which a node has one address and none for hosts of a LAN: switch on 6PLANE at its controller`,
    },
    {
      changes: { allowManaged: false },
      state: 'no-6plane',
      reason: `ZeroTier may not set the addresses of the network: zerotier-cli set ${id} allowManaged=1`,
    },
    {
      changes: { portDeviceName: '' },
      state: 'no-interface',
      reason: 'ZeroTier has not made its interface yet: it takes a moment',
    },
  ])('$changes: $state', ({ changes, state, reason }) => {
    expect(report(changes)).toMatchObject({ state, reason, node: site.node, site })
  })

  test('both modes at once are fine', () => {
    const both = ['fd61:252:ad3b:c0ff:ee99:93be:3ff0:1c29/88', 'fc5a:c2ad:43be:3ff0:1c29::1/40']
    expect(report({ assignedAddresses: both })).toMatchObject({
      state: 'ok',
      rfc4193Address: parseIp6('fd61:252:ad3b:c0ff:ee99:93be:3ff0:1c29'),
    })
  })

  test('a node address that can not be', () => {
    const visit = {
      kind: 'answered',
      status: { address: 'ff00000001', version: '1', online: true },
      member: undefined,
      remembered: false,
    } as const
    expect(judge(network, visit, undefined)).toEqual({
      kind: 'zerotier',
      state: 'no-service',
      network,
      carries: false,
      notices: [],
      reason: "ZeroTier tells a node address that can't be: ff00000001 is reserved and can't be a node address",
    })
  })

  test.for([
    {
      links: [],
      state: 'no-interface',
      reason:
        'there is no interface ztzq4zeuwv: ZeroTier makes one when it starts, and no second: systemctl restart zerotier-one',
    },
    {
      links: [{ ...link, up: false }],
      state: 'down',
      reason: 'ztzq4zeuwv is down: ip link set dev ztzq4zeuwv up',
    },
    {
      links: [{ ...link, ipv6: false }],
      state: 'down',
      reason: 'ztzq4zeuwv has IPv6 switched off: sysctl -w net.ipv6.conf.ztzq4zeuwv.disable_ipv6=0',
    },
    {
      links: [{ ...link, carrier: false }],
      state: 'down',
      reason: 'ztzq4zeuwv has no carrier: see what is at its other end',
    },
    {
      links: [{ ...link, mac: parseMac('02:00:00:00:00:01') }],
      state: 'down',
      reason:
        'ztzq4zeuwv has the MAC address 02:00:00:00:00:01, where other sites compute ee:41:ff:cb:b1:7b: ip link set dev ztzq4zeuwv address ee:41:ff:cb:b1:7b',
    },
  ])('a link that is not as it should be: $reason', ({ links, state, reason }) => {
    expect(report({}, links)).toMatchObject({ state, reason })
  })

  test('a network whose controller does not answer a node that reaches nobody', () => {
    const status = { address: 'be3ff01c29', version: '1.14.1', online: false }
    const requesting = { ...member, status: 'REQUESTING_CONFIGURATION' }
    const visit = { kind: 'answered', status, member: requesting, remembered: true } as const
    expect(judge(network, visit, undefined).reason).toBe(
      `the controller of ${id} has not answered node be3ff01c29 yet: if it stays so, check that this machine reaches the internet`,
    )
  })

  test('an address that was taken from the interface is missed, and no other', () => {
    const notices = (addresses: readonly string[]) =>
      report({}, [{ ...link, addresses: addresses.map(parseIp6) }]).notices
    expect(notices(['fe80::1', 'fc5a:c2ad:43be:3ff0:1c29::1'])).toEqual([])
    expect(notices(['fe80::1'])).toEqual([
      "ztzq4zeuwv lacks this node's address fc5a:c2ad:43be:3ff0:1c29::1, which ZeroTier sets only once: ip -6 address add fc5a:c2ad:43be:3ff0:1c29::1/40 dev ztzq4zeuwv",
    ])
  })

  test('what ZeroTier says comes before what the link says', () => {
    expect(report({ status: 'ACCESS_DENIED' }, [])).toMatchObject({ state: 'denied' })
  })
})
