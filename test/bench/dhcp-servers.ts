/**
 * The DHCPv6 servers that are measured beside each other. Debian's packages of the others start services when they are installed:
 * so they are fetched and unpacked into build/, and run from there.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Daemon } from '../lab/daemon.ts'
import type { Host } from '../lab/host.ts'
import { type Program, run } from '../lab/program.ts'
import { network } from '../lab/sites.ts'

export const node = '11aa22bb33'
export const site = 'fc9c:56c2:e311:aa22:bb33:' // what every address of the site begins with
const pool = [`${site}10:0:0`, `${site}7fff:ffff:ffff`] as const
const lifetimes = { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 }

const root = fileURLToPath(new URL('../../build/bench/', import.meta.url))
const asInstalled = fileURLToPath(new URL('../../build/siteplane/appliance/main.js', import.meta.url))
const packages = ['kea-admin', 'kea-dhcp6-server', 'isc-dhcp-server', 'dnsmasq-base']

/** Fetches what is not installed. What the packages need besides comes with them; nothing on the machine changes. */
export async function fetchServers(): Promise<void> {
  if (existsSync(join(root, 'fetched'))) return
  const archives = join(root, 'archives')
  mkdirSync(join(archives, 'partial'), { recursive: true })
  const download = ['install', '--download-only', '--yes', '--no-install-recommends', ...packages]
  const get = () => run('apt-get', '-o', `Dir::Cache::archives=${archives}`, ...download)
  await get().catch(() => run('apt-get', 'update').then(get))
  for (const file of readdirSync(archives).filter(name => name.endsWith('.deb')))
    await run('dpkg-deb', '--extract', join(archives, file), root)
  writeFileSync(join(root, 'fetched'), '')
}

/** Where a program is that may have been fetched. */
export const binary = (name: string): string => {
  const own = join(root, 'usr/sbin', name)
  return existsSync(own) ? own : name
}

/** The libraries that were fetched with it. */
export const libraries = join(root, 'usr/lib', process.arch === 'x64' ? 'x86_64-linux-gnu' : 'aarch64-linux-gnu')

/** With the libraries that were fetched, on one processor. */
export function pinned(
  host: Host,
  processor: 0 | 1,
  argv: readonly string[],
  environment: Record<string, string> = {},
) {
  const [command = '', ...args] = argv
  return host.spawn(['taskset', '-c', String(processor), binary(command), ...args], {
    LD_LIBRARY_PATH: libraries,
    ...environment,
  })
}

/** A server on lan0 of a host, with its leases in the host's folder: a second start goes on where the first ended. */
export interface DhcpServer {
  readonly name: string
  start(host: Host): Program
}

const serverProcessor = 1

const siteplane: DhcpServer = {
  name: 'siteplane',
  start(host) {
    const overlay = `overlay: { kind: static, network: "${network}", node: "${node}", interface: zt0 }`
    const configuration = `${overlay}\nlan:\n  - interface: lan0\n`
    const cache = `NODE_COMPILE_CACHE=${join(host.folder, 'cache')}`
    const asInItsUnit = [cache, 'MALLOC_ARENA_MAX=1', 'MALLOC_MMAP_THRESHOLD_=32768']
    const under = ['env', ...asInItsUnit, 'taskset', '-c', String(serverProcessor)]
    return new Daemon(host, { configuration, under, main: asInstalled }).program
  },
}

const kea: DhcpServer = {
  name: 'Kea 2.2',
  start(host) {
    const { preferred, valid, t1, t2 } = lifetimes
    const file = join(host.folder, 'kea.json')
    const settings = {
      'data-directory': host.folder, // of the server's DUID
      'interfaces-config': { interfaces: ['lan0'] },
      'lease-database': { type: 'memfile', name: join(host.folder, 'kea-leases.csv') },
      'preferred-lifetime': preferred,
      'valid-lifetime': valid,
      'renew-timer': t1,
      'rebind-timer': t2,
      subnet6: [{ subnet: `${site}:/80`, interface: 'lan0', pools: [{ pool: pool.join(' - ') }] }],
      loggers: [{ name: 'kea-dhcp6', severity: 'ERROR', output_options: [{ output: 'stderr' }] }],
    }
    writeFileSync(file, JSON.stringify({ Dhcp6: settings }))
    rmSync(join(host.folder, 'kea.kea-dhcp6.pid'), { force: true })
    const folders = { KEA_LOCKFILE_DIR: host.folder, KEA_PIDFILE_DIR: host.folder }
    const environment = { ...folders, KEA_LFC_EXECUTABLE: binary('kea-lfc') }
    return pinned(host, serverProcessor, ['kea-dhcp6', '-c', file], environment)
  },
}

const isc: DhcpServer = {
  name: 'ISC dhcpd',
  start(host) {
    const { preferred, valid, t1, t2 } = lifetimes
    const file = join(host.folder, 'dhcpd.conf')
    const leases = join(host.folder, 'dhcpd.leases')
    if (!existsSync(leases)) writeFileSync(leases, '')
    const times = `preferred-lifetime ${preferred}; default-lease-time ${valid}; option dhcp-renewal-time ${t1}; option dhcp-rebinding-time ${t2};`
    writeFileSync(file, `${times}\nsubnet6 ${site}:/80 { range6 ${pool.join(' ')}; }\n`)
    const files = ['-cf', file, '-lf', leases, '-pf', join(host.folder, 'dhcpd.pid')]
    return pinned(host, serverProcessor, ['dhcpd', '-6', '-f', '-q', ...files, 'lan0'])
  },
}

const dnsmasq: DhcpServer = {
  name: 'dnsmasq',
  start(host) {
    const options = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--port=0',
      '--interface=lan0',
      '--bind-interfaces',
      `--dhcp-range=${pool.join(',')},80,24h`,
      '--dhcp-lease-max=1000000',
      `--dhcp-leasefile=${join(host.folder, 'dnsmasq.leases')}`,
      '--user=root',
      '--quiet-dhcp6',
      '--log-facility=-',
      `--pid-file=${join(host.folder, 'dnsmasq.pid')}`,
    ]
    return pinned(host, serverProcessor, ['dnsmasq', ...options])
  },
}

export const servers: readonly DhcpServer[] = [siteplane, kea, isc, dnsmasq]
