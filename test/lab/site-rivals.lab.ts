import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Status } from '../../appliance/http/api.ts'
import { Client } from './client.ts'
import { TwoSites } from './sites.ts'
import { until } from './until.ts'

// An OpenWrt router as it comes: SLAAC for the internet's prefix, and dnsmasq's own DHCPv6 server beside it.
const openwrt = `
port=0
interface=eth0
bind-dynamic
enable-ra
dhcp-range=2001:db8:1::100,2001:db8:1::1ff,slaac,64,1h
dhcp-option=option6:dns-server,[2001:db8:1::53]
`

test('an OpenWrt router on the LAN: its DHCPv6 server is named, and that hosts which take the first Reply have no address of the site', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host, other] = a.hosts
  const linkLocal = await other.becomesRouter('eth0')
  await other.run('ip', '-6', 'address', 'add', '2001:db8:1::1/64', 'dev', 'eth0', 'nodad')
  const file = join(other.folder, 'dnsmasq.conf')
  writeFileSync(file, openwrt)
  const files = ['--pid-file', `--dhcp-leasefile=${join(other.folder, 'leases')}`]
  await using rival = other.spawn(['dnsmasq', '-k', `--conf-file=${file}`, '--user=root', '--log-facility=-', ...files])
  await rival.says(/DHCPv6, IP range/)

  await using daemon = a.start()
  const status = await daemon.hasStatus(({ state }) => state === 'degraded', 'to know the other server', 15_000)
  expect(status.reasons).toEqual([expect.stringMatching(/^LAN lan0: hosts on lan0 that ask for Rapid Commit/)])
  expect(status.reasons[0]).toContain(linkLocal)
  await rival.says(/DHCPRELEASE/)
  const { lan } = (await daemon.get('/v1/status')) as Status
  expect(lan[0]!.otherServers).toMatchObject([{ address: linkLocal }])
  expect(lan[0]!.otherServers[0]!.offers).toContain('DNS server 2001:db8:1::53')

  // dhclient does not ask for Rapid Commit: it compares, and takes the preference of 255.
  await using _client = new Client(host, 'dhclient')
  await until(() => host.globalAddress('eth0', a.addressStart), 'an address of the site', 20_000)
  await until(() => host.globalAddress('eth0', '2001:db8:1:'), "an address of the internet's, by SLAAC", 20_000)
  const defaults = (await host.routes('default')).map(({ gateway }) => gateway)
  expect(defaults).toEqual([linkLocal]) // we are no default router
})

const contradicting = (networkPrefix: string) => `
interface eth0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  AdvDefaultLifetime 0;
  route ${networkPrefix} { AdvRouteLifetime 600; };
};
`

test('a router on the LAN that claims the /40 for itself makes the state degraded, with its address and what it claims', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [, other] = a.hosts
  const linkLocal = await other.becomesRouter('eth0')
  const file = join(other.folder, 'radvd.conf')
  writeFileSync(file, contradicting(sites.networkPrefix))
  await using daemon = a.start()
  await daemon.serving()
  await using _rival = other.spawn([
    'radvd',
    '--nodaemon',
    '--config',
    file,
    '--pidfile',
    join(other.folder, 'radvd.pid'),
  ])
  const status = await daemon.hasStatus(({ state }) => state === 'degraded', 'to hear of the other router', 15_000)
  expect(status.reasons).toEqual([expect.stringContaining(linkLocal)])
  expect(status.reasons[0]).toContain(sites.networkPrefix)
  expect(status.lan[0]!.otherRouters).toEqual([
    expect.objectContaining({ address: linkLocal, conflicts: [expect.stringContaining(sites.networkPrefix)] }),
  ])
})
