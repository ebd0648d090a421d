import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../appliance/config/load.ts'
import { lan, least, problems } from './problems.ts'

describe('rules between keys', () => {
  test.for([
    {
      name: 'two LANs of one interface',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth1, subnet: 1}]',
      line: 'f.yaml:2:38: lan[1].interface: eth1 is the interface of lan[0] already',
    },
    {
      name: 'two LANs without subnet',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth2}]',
      line: 'f.yaml:2:26: lan[1]: needs a subnet (0 to 63): only one LAN may be without, and lan[0] is',
    },
    {
      name: 'two LANs of one subnet',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1, subnet: 3}, {interface: eth2, subnet: 3}]',
      line: 'f.yaml:2:63: lan[1].subnet: 3 is the subnet of lan[0] already',
    },
    {
      name: 'hosts that make their own addresses where another router advertises',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1, advertise: off, slaac: true}]',
      line: 'f.yaml:2:48: lan[0].slaac: needs advertise: hosts make addresses of a prefix that this router tells them',
    },
    {
      name: 'hosts that netfilter translates, and turbo, which passes it by',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1, slaac: true}]\nfastPath: {turbo: force}',
      line: "f.yaml:3:19: fastPath.turbo: can't be with lan[0].slaac, whose hosts netfilter translates",
    },
    {
      name: 'a LAN behind a relay without a subnet',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1, subnet: 3}, {interface: eth1, relay: {address: "::2"}}]',
      line: 'f.yaml:2:37: lan[1]: needs a subnet (0 to 63): only a LAN without relay may be without',
    },
    {
      name: 'a relay on an interface of no LAN',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth2, subnet: 3, relay: {address: "::2"}}]',
      line: 'f.yaml:2:62: lan[1].relay: needs the LAN that the relay stands on: no other LAN is on eth2',
    },
    {
      name: 'advertisements where another router advertises',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth1, subnet: 3, relay: {address: "::2"}, advertise: {mtu: 1500}}]',
      line: 'f.yaml:2:91: lan[1].advertise: has no meaning here: behind a relay the router of the LAN advertises',
    },
    {
      name: 'a probe behind a relay',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth1, subnet: 3, relay: {address: "::2"}, dhcpv6: {probe: true}}]',
      line: 'f.yaml:2:96: lan[1].dhcpv6.probe: has no meaning here: hosts behind a relay can not be asked',
    },
    {
      name: 'requesters behind a relay',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth1, subnet: 3, relay: {address: "::2"}, dhcpv6: {leasequery: {requesters: ["fd00::5"]}}}]',
      line: 'f.yaml:2:114: lan[1].dhcpv6.leasequery.requesters: belongs to the LAN on eth1: questions are heard there, about this LAN too',
    },
    {
      name: 'a relay with our own address',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth1, subnet: 3, relay: {address: "::1"}}]',
      line: "f.yaml:2:72: lan[1].relay.address: ::1 can't be the address of a relay",
    },
    {
      name: 'A23 hosts that are not told to ask our server',
      text: lan('    advertise: {managed: false}'),
      line: 'f.yaml:4:26: lan[0].advertise.managed: is always true with our own DHCPv6 server: hosts would not ask it',
    },
    {
      name: 'a server that is neither off nor has settings',
      text: lan('    dhcpv6: none'),
      line: 'f.yaml:4:13: lan[0].dhcpv6: must be off, or a mapping of keys to values',
    },
    {
      name: 'advertisements that are neither off nor have settings',
      text: lan('    advertise: none'),
      line: 'f.yaml:4:16: lan[0].advertise: must be off, or a mapping of keys to values',
    },
    {
      name: 'a misspelt setting of the server',
      text: lan('    dhcpv6: {preferrence: 7}'),
      line: 'f.yaml:4:14: lan[0].dhcpv6.preferrence: unknown key; did you mean preference?',
    },
    {
      name: 'a relay where our server is off',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1, dhcpv6: off}, {interface: eth1, subnet: 3, relay: {address: "::2"}}]',
      line: 'f.yaml:2:39: lan[1]: needs dhcpv6: off, or that of the LAN on eth1 on: its relay is heard there',
    },
    {
      name: 'static without its node',
      text: 'overlay: {kind: static, network: 8056c2e21c000001, interface: zt0}\nlan: [{interface: eth1}]',
      line: 'f.yaml:1:1: overlay.node: is missing: a static overlay needs its node address',
    },
    {
      name: 'ZeroTier told its node',
      text: 'overlay: {network: 8056c2e21c000001, node: 89e92ceee5}\nlan: [{interface: eth1}]',
      line: 'f.yaml:1:44: overlay.node: is for kind: static; ZeroTier says its node itself',
    },
    {
      name: 'the overlay on a LAN',
      text: 'overlay: {kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: eth1}\nlan: [{interface: eth1}]',
      line: 'f.yaml:2:19: lan[0].interface: eth1 is the interface of the overlay already',
    },
    {
      name: 'A04 an interval too long',
      text: lan('    advertise: {interval: {max: 70000}, lifetimes: {network: 80000}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.max: must be at most 65535',
    },
    {
      name: 'A04 an interval too short',
      text: lan('    advertise: {interval: {max: 3}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.max: must be at least 4',
    },
    {
      name: 'A05 min above three quarters of max',
      text: lan('    advertise: {interval: {min: 76, max: 100}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.min: must be at most 75, three quarters of max',
    },
    {
      name: 'A05 min below 3 s',
      text: lan('    advertise: {interval: {min: 2}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.min: must be at least 3',
    },
    {
      name: 'a route forgotten between two advertisements',
      text: lan('    advertise: {lifetimes: {network: 599}}'),
      line: 'f.yaml:4:38: lan[0].advertise.lifetimes.network: must be at least interval.max (600), or hosts forget it in between',
    },
    {
      name: 'A29 an MTU below the least of IPv6',
      text: lan('    advertise: {mtu: 1279}'),
      line: 'f.yaml:4:22: lan[0].advertise.mtu: must be at least 1280',
    },
    {
      name: 'F20 T1 after T2',
      text: lan('    dhcpv6: {lifetimes: {t1: 500, t2: 400}}'),
      line: 'f.yaml:4:30: lan[0].dhcpv6.lifetimes.t1: must not be longer than t2 (400)',
    },
    {
      name: 'a server that is a group',
      text: lan('    dns: {servers: ["ff02::1"]}'),
      line: `f.yaml:4:21: lan[0].dns.servers[0]: ff02::1 can't be the address of a server`,
    },
    {
      name: 'a server of the other family',
      text: lan('    dns: {servers: [192.0.2.1]}'),
      line: 'f.yaml:4:21: lan[0].dns.servers[0]: 192.0.2.1 is not an IPv6 address',
    },
    {
      name: 'a domain with a blank',
      text: lan('    dns: {search: ["my home"]}'),
      line: 'f.yaml:4:20: lan[0].dns.search[0]: must be a domain name: labels of 1 to 63 letters, digits and hyphens with dots between them',
    },
    {
      name: 'an interface name of 16 characters',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: abcdefghijklmnop}]',
      line: 'f.yaml:2:19: lan[0].interface: must be an interface name: 1 to 15 characters, no slash, colon or space',
    },
    {
      name: 'the loopback as a LAN',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: lo}]',
      line: 'f.yaml:2:19: lan[0].interface: must be the interface of a network, which this is not',
    },
    {
      name: 'a fraction of a second',
      text: lan('    dhcpv6: {lifetimes: {valid: 4000.5}}'),
      line: 'f.yaml:4:33: lan[0].dhcpv6.lifetimes.valid: must be a whole number, not 4000.5',
    },
    {
      name: 'a relative path',
      text: `${least}stateDirectory: lib`,
      line: 'f.yaml:5:17: stateDirectory: must be a path that starts with /',
    },
    {
      name: 'a socket path that the kernel has no room for',
      text: `${least}http: {socket: /${'x'.repeat(107)}}`,
      line: 'f.yaml:5:16: http.socket: must be at most 107 characters long',
    },
  ])('$name', ({ text, line }) => {
    expect(problems(text)).toEqual([line])
  })

  test.for([
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:80',
    '300.0.0.1:80',
    'example.org:80',
    '"[zz]:1"',
    'false',
  ])('http.listen %s is refused', written => {
    expect(problems(`${least}http:\n  listen: ${written}\n`)).toEqual([
      `f.yaml:6:11: http.listen: must be address:port, [IPv6 address]:port or off, not ${written.replaceAll('"', '')}`,
    ])
  })

  test('http.listen with brackets and no quotes is a list to YAML, and the problem says what to do', () => {
    expect(problems(`${least}http:\n  listen: [::1]:80\n`)[0]).toBe(
      'f.yaml:6:11: http.listen: must stand in quotes, since [ begins a list',
    )
  })

  test.for([
    ['off', 'off'],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['"[::1]:8680"', { host: '::1', port: 8680 }],
    ['10.0.0.1:443', { host: '10.0.0.1', port: 443 }],
  ] as const)('http.listen %s', ([written, listen]) => {
    expect(parseConfig('f.yaml', `${least}http:\n  listen: ${written}\n`).http.listen).toEqual(listen)
  })
})
