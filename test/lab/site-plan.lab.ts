import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Status } from '../../appliance/http/api.ts'
import { binary, fetchServers, libraries } from '../bench/dhcp-servers.ts'
import { Client } from './client.ts'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import { run } from './program.ts'
import { network, type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

/**
 * A site whose own router, a2, advertises and gives addresses, by what `siteplane plan` prints:
 *
 *   a1 ── LAN ── lan0 a (siteplane, advertise: off, dhcpv6: off) zt0 ═══ zt0 b (siteplane) ── b1
 *          └──── eth0 a2 (radvd and Kea)
 */
const main = new URL('../../appliance/main.ts', import.meta.url).pathname

/** What is printed for a program on eth0 of a2, in a file of its own. */
async function printed(format: string, { node, hosts }: Site): Promise<string> {
  const line = ['plan', '--format', format, '--network', network, '--node', node, '--interface', 'eth0']
  const file = join(hosts[1].folder, `${format}.conf`)
  writeFileSync(file, await run(process.execPath, main, ...line))
  return file
}

/** The same from the configuration of the router, where that file usually is. */
async function printedByRouter(format: string, site: Site): Promise<string> {
  const configuration = join(site.router.folder, 'usual.yaml')
  writeFileSync(configuration, left(site))
  const script = `
mount -t tmpfs tmpfs /mnt
mkdir /mnt/changes /mnt/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/changes,workdir=/mnt/work /etc
mkdir -p /etc/siteplane
cp "$1" /etc/siteplane/siteplane.yaml
shift
exec "$@"`
  const line = [process.execPath, main, 'plan', '--format', format, '--interface', 'eth0']
  const file = join(site.hosts[1].folder, `${format}.conf`)
  writeFileSync(file, await site.router.run('sh', '-euc', script, 'sh', configuration, ...line))
  return file
}

function radvd(host: Host, file: string, ...more: readonly string[]): Program {
  return host.spawn(['radvd', '-n', '-m', 'stderr', '-C', file, '-p', join(host.folder, 'radvd.pid'), ...more])
}

/** With a /var/lib of its own: the file says nothing of where the leases are, so that it is used as it is printed. */
function kea(host: Host, ...line: readonly string[]): Program {
  const script = 'mount -t tmpfs tmpfs /var/lib; mkdir /var/lib/kea; exec "$@"'
  const folders = { KEA_LOCKFILE_DIR: host.folder, KEA_PIDFILE_DIR: host.folder }
  const environment = { ...folders, LD_LIBRARY_PATH: libraries, KEA_LFC_EXECUTABLE: binary('kea-lfc') }
  return host.spawn(['sh', '-euc', script, 'sh', binary('kea-dhcp6'), ...line], environment)
}

/** As on a machine without udev; see client-networkd.ts. */
function networkd(host: Host, file: string): Program {
  const script = `
mount -t tmpfs tmpfs /run
mount -o remount,ro /sys
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network:systemd-network /run/systemd/netif
cp "$1" /run/systemd/network/10-lan.network
chmod 644 /run/systemd/network/10-lan.network
exec /lib/systemd/systemd-networkd`
  return host.spawn(['sh', '-euc', script, 'sh', file], { SYSTEMD_LOG_LEVEL: 'info' })
}

function dnsmasq(host: Host, file: string, ...more: readonly string[]): Program {
  const files = ['--pid-file', `--dhcp-leasefile=${join(host.folder, 'leases')}`]
  const ours = ['--port=0', '--user=root', '--log-facility=-', ...files] // no DNS: that is not what is printed
  return host.spawn(['dnsmasq', '-k', `--conf-file=${file}`, ...ours, ...more])
}

const left = (site: Site) => site.configuration('    advertise: off\n    dhcpv6: off\n')

test('radvd and Kea serve a LAN by what is printed for them, and its hosts reach the other site through siteplane', async () => {
  await fetchServers()
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const [a1, a2] = a.hosts
  await a2.becomesRouter('eth0')
  const files = { radvd: await printed('radvd', a), kea: await printed('kea', a) }
  const checks = [radvd(a2, files.radvd, '-c'), kea(a2, '-t', files.kea)]
  for (const check of checks) expect([(await check.exited).status, check.output]).toEqual([0, check.output])

  await using router = a.start({ configuration: left(a) })
  await using other = b.start()
  await other.serving()
  const missing = `LAN lan0: hosts are not told that ${a.prefix} and ${sites.networkPrefix} are on-link`
  const alone = await router.hasStatus(({ state }) => state === 'degraded', 'to miss the other router', 30_000)
  expect(alone.reasons[0]).toContain(missing)
  expect((await router.get('/v1/status')) as Status).toMatchObject({
    lan: [{ state: 'off', advertise: 'off', dhcpv6: 'off', activeLeases: 0 }],
  })

  await using server = kea(a2, '-c', files.kea)
  await server.says(/DHCP6_STARTED/)
  await using _advertiser = radvd(a2, files.radvd)
  const heard = ({ state, lan }: { state: string; lan: readonly { otherRouters: readonly unknown[] }[] }) =>
    state === 'serving' && lan[0]!.otherRouters.length > 0
  const served = await router.hasStatus(heard, 'to hear the other router', 30_000)
  expect((served as unknown as Status).lan[0]!.otherRouters[0]!.conflicts).toEqual([])

  await using _b1 = new Client(b.hosts[0], 'networkd')
  const b1 = await until(() => b.hosts[0].globalAddress('eth0', b.addressStart), 'an address of b', 30_000)
  for (const client of ['dhclient', 'networkd'] as const) {
    await using _client = new Client(a1, client)
    const address = await until(() => a1.globalAddress('eth0', a.addressStart), `${client} to have an address`, 40_000)
    await a1.reaches(b1)
    await b.hosts[0].reaches(address)
    await a1.setDown('eth0')
    await a1.ip('-6', 'address', 'flush', 'dev', 'eth0', 'scope', 'global')
  }
  expect((await router.get('/v1/status')) as Status).toMatchObject({
    lan: [{ counters: { 'ra.multicastSent': 0, 'ra.unicastSent': 0 } }],
  })
})

test('networkd and dnsmasq do the same by what is printed for them, and that machine is a host of the site too', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const [a1, a2] = a.hosts
  await a2.becomesRouter('eth0')
  await using router = a.start({ configuration: left(a) })
  await using other = b.start()
  await other.serving()
  await using advertiser = networkd(a2, await printedByRouter('networkd', a))
  await until(() => a2.globalAddress('eth0', a.addressStart), 'the address that is printed for the machine', 30_000)
  await using server = dnsmasq(a2, await printedByRouter('dnsmasq', a))
  await server.says(/DHCPv6, IP range/)
  const served = await router.hasStatus(
    ({ state, lan }) => state === 'serving' && lan[0]!.otherRouters.length > 0,
    'to hear the other router',
    30_000,
  )
  expect((served as unknown as Status).lan[0]!.otherRouters[0]!.conflicts).toEqual([])
  const remarks = advertiser.lines.filter(line => /network:\d+:/.test(line)) // on the file
  expect(remarks).toEqual([])

  await using _b1 = new Client(b.hosts[0], 'networkd')
  const b1 = await until(() => b.hosts[0].globalAddress('eth0', b.addressStart), 'an address of b', 30_000)
  await a2.reaches(b1)
  await using _a1 = new Client(a1, 'dhclient')
  const address = await until(() => a1.globalAddress('eth0', a.addressStart), 'an address of a', 40_000)
  await a1.reaches(b1)
  await b.hosts[0].reaches(address)
})
