import { expect, test } from 'vitest'
import { showAllocated, showPrefixes } from '../../../appliance/cli/prefix.ts'
import { prefixRows } from '../http/view.ts'

const [routed, waiting] = prefixRows as [(typeof prefixRows)[number], (typeof prefixRows)[number]]

test('a prefix behind a host is shown with what that host needs', () => {
  expect(
    showAllocated(routed),
  ).toBe(`docker1 has fc9c:56c2:e389:e92c:eee5:c0de:1:0/112 via fc9c:56c2:e389:e92c:eee5::5 on eth1

On fc9c:56c2:e389:e92c:eee5::5, for Docker, in /etc/docker/daemon.json, and a restart of it:
  {
    "ipv6": true,
    "fixed-cidr-v6": "fc9c:56c2:e389:e92c:eee5:c0de:1:0/112"
  }
Docker 27 and newer drop what comes there: "ip6tables": false beside it opens every port of every container. Or, for published ports:
  docker network create --ipv6 --subnet fc9c:56c2:e389:e92c:eee5:c0de:1:0/112 -o com.docker.network.bridge.gateway_mode_ipv6=routed NETWORK
Or for a bridge of any other kind:
  sysctl -w net.ipv6.conf.all.forwarding=1
  ip address add fc9c:56c2:e389:e92c:eee5:c0de:1:1/112 dev BRIDGE
Who forwards ignores advertisements, unless systemd-networkd or NetworkManager reads them; before either of these:
  sysctl -w net.ipv6.conf.IFACE.accept_ra=2
`)
})

test('a prefix on an interface is shown with what it waits for, and the address that the interface needs', () => {
  expect(
    showAllocated(waiting),
  ).toBe(`vm1 has fc9c:56c2:e389:e92c:eee5:c123::/96 on tap0; it waits for interface tap0, which does not exist

On this machine, unless what makes tap0 does it:
  ip address add fc9c:56c2:e389:e92c:eee5:c123:0:1/96 dev tap0
  ip link set tap0 up
`)
})

test('a prefix without a route says whose routes are there', () => {
  expect(showAllocated({ ...waiting, name: 'pods', interface: null, state: 'kept', reason: null })).toBe(
    'pods has fc9c:56c2:e389:e92c:eee5:c123::/96; routes to parts of it are yours, in the main table\n',
  )
})

test('a list is a table, and a sentence for each that waits', () => {
  expect(showPrefixes({ prefixes: prefixRows })).toBe(
    [
      'NAME     PREFIX                                 VIA                          INTERFACE  STATE',
      'docker1  fc9c:56c2:e389:e92c:eee5:c0de:1:0/112  fc9c:56c2:e389:e92c:eee5::5  eth1       routed',
      'vm1      fc9c:56c2:e389:e92c:eee5:c123::/96                                  tap0       waiting',
      'vm1 waits for interface tap0, which does not exist',
      '',
    ].join('\n'),
  )
  expect(showPrefixes({ prefixes: [] })).toBe('no prefix has a name: siteplane prefix allocate NAME --interface NAME\n')
})
