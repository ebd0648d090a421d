import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addressIn, formatIp6 } from '../../appliance/base/ip6.ts'
import type { Status } from '../../appliance/http/api.ts'
import { Client } from './client.ts'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

const radvd = (host: Host, settings: string): Program => {
  const file = join(host.folder, 'radvd.conf')
  writeFileSync(file, `interface eth0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; ${settings} };\n`)
  return host.spawn(['radvd', '-n', '-m', 'stderr', '-C', file, '-p', join(host.folder, 'radvd.pid')])
}

/** dnsmasq as the server of a site's LAN, which somebody wants instead of ours. */
async function serves(host: Host, { place }: Site): Promise<Program> {
  const at = (offset: bigint) => formatIp6(addressIn(place.sitePrefix, offset))
  await host.setUp('eth0')
  await host.ip('-6', 'address', 'add', `${at(2n)}/80`, 'dev', 'eth0', 'nodad')
  await host.linkLocal('eth0')
  const file = join(host.folder, 'dnsmasq.conf')
  writeFileSync(file, `port=0\ninterface=eth0\nbind-dynamic\ndhcp-range=${at(0x10000n)},${at(0x1ffffn)},80,1h\n`)
  const files = ['--pid-file', `--dhcp-leasefile=${join(host.folder, 'leases')}`]
  return host.spawn(['dnsmasq', '-k', `--conf-file=${file}`, '--user=root', '--log-facility=-', ...files])
}

/** What is said of other machines than ours. */
const notes = (reasons: readonly string[]) => reasons.filter(reason => /^the (DHCPv6 server|router) /.test(reason))

const flags = async (host: Host) => {
  const shown = await host.run('rdisc6', '-1', 'eth0')
  const flag = (name: string) => new RegExp(`${name}[^:]*:\\s+Yes`).test(shown)
  return [flag('Stateful address'), flag('Stateful other')]
}

test('A23 dhcpv6: off: another server gives addresses of the site, we advertise and route, and ours takes over at a reload', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host, other] = a.hosts
  await using rival = await serves(other, a)
  await rival.says(/DHCPv6, IP range/)
  const off = a.configuration('    dhcpv6: off\n    advertise: { managed: true }\n')
  await using daemon = a.start({ configuration: off })
  const status = await daemon.hasStatus(({ reasons }) => notes(reasons).length > 0, 'to find the other server', 15_000)
  expect(status.state).toBe('serving')
  expect(notes(status.reasons)).toEqual([
    expect.stringMatching(/^the DHCPv6 server .* has addresses of this site for hosts on lan0$/),
  ])

  await using _client = new Client(host, 'networkd')
  const address = await until(() => host.globalAddress('eth0', a.addressStart), 'an address', 20_000)
  expect(address).toMatch(/:0:1:[0-9a-f]+$/) // of the range of the other server
  expect(await flags(host)).toEqual([true, true])
  expect(await daemon.leases()).toEqual([])
  expect(status.lan[0]!.counters['dhcpv6.received']).toBeUndefined()
  await host.reaches(a.address)

  daemon.configure(a.configuration())
  daemon.reload()
  const { lan } = await daemon.hasStatus(({ state }) => state === 'degraded', 'to serve beside the other', 15_000)
  expect(lan[0]!.counters['dhcpv6.received']).toBeDefined()
})

test('A23 dhcpv6: off and nobody else: hosts are not sent to DHCPv6, and the status says that they have no address', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host] = a.hosts
  await using daemon = a.start({ configuration: a.configuration('    dhcpv6: off\n') })
  await daemon.hasStatus(
    ({ state, reasons }) => state === 'serving' && reasons.some(reason => reason.startsWith('ours is off on lan0')),
    'to say so',
    15_000,
  )
  await host.setUp('eth0')
  await host.linkLocal('eth0')
  expect(await flags(host)).toEqual([false, false])
})

test('a router that sends hosts to DHCPv6 is named, with its MAC and what it advertises', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [, other] = a.hosts
  const linkLocal = await other.becomesRouter('eth0')
  await using daemon = a.start()
  await daemon.serving()
  await using _router = radvd(other, 'AdvManagedFlag on; prefix 2001:db8:1::/64 {};')
  await daemon.hasStatus(({ reasons }) => notes(reasons).length > 0, 'to hear of the router', 15_000)
  const { state, reasons, lan } = (await daemon.get('/v1/status')) as Status
  const [note] = notes(reasons)
  expect([state, note]).toEqual(['serving', expect.stringContaining('sends hosts on lan0 to DHCPv6')])
  expect(note).toContain(`the router ${linkLocal} (`)
  expect(note).toContain('which advertises 2001:db8:1::/64')
  expect(lan[0]!.otherRouters).toMatchObject([{ address: linkLocal, managed: true, conflicts: [] }])
})
