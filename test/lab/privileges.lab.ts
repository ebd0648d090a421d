import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Client } from './client.ts'
import type { DaemonOptions } from './daemon.ts'
import { networkRoutes } from './routes.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

/** What the unit gives the daemon, such as `net_admin`. */
const unit = readFileSync(new URL('../../systemd/siteplane.service', import.meta.url), 'utf8')
const given = /^AmbientCapabilities=(.+)$/m.exec(unit)![1]!.toLowerCase().replaceAll('cap_', '').split(' ')

/** A daemon that runs as an ordinary user with these capabilities and no way to get others. */
async function startAsUser(site: Site, capabilities: readonly string[]) {
  await site.router.run('mkdir', '-p', `${site.router.folder}/run`, `${site.router.folder}/state`)
  await site.router.run('chown', '-R', 'nobody', `${site.router.folder}/run`, `${site.router.folder}/state`)
  const list = (sign: string) => ['-all', ...capabilities.map(name => `${sign}${name}`)].join(',')
  const under: DaemonOptions['under'] = [
    ...['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--no-new-privs'],
    ...[`--bounding-set=${list('+')}`, `--inh-caps=${list('+')}`, `--ambient-caps=${list('+')}`],
  ]
  return site.start({ under })
}

test('an ordinary user with the capabilities of the unit, and no others, serves a site and leaves the machine as it was', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const rules = () => a.router.run('ip', '-6', 'rule')
  const before = await rules()
  await using daemon = await startAsUser(a, given)
  await using other = b.start()
  const [status] = await Promise.all([daemon.serving(), other.serving()])
  expect(status.reasons).toEqual([])
  expect(status.fastPath.mode).toBe('stateless')

  const [host, far] = [a.hosts[0], b.hosts[0]]
  new Client(host, 'dhclient')
  new Client(far, 'networkd')
  const address = (at: typeof host, site: Site) =>
    until(() => at.globalAddress('eth0', site.addressStart), `an address on ${at.name}`, 20_000)
  await address(host, a)
  await host.reaches(await address(far, b))
  await until(async () => (await networkRoutes(host, sites)).length > 0, 'the way on the host')

  expect(await daemon.stop()).toEqual({ status: 0, signal: undefined })
  expect(await rules()).toBe(before)
})

test('without CAP_BPF it resolves neighbours itself, and says why', async () => {
  await using sites = await TwoSites.create()
  await using daemon = await startAsUser(
    sites.a,
    given.filter(name => name !== 'bpf'),
  )
  const { fastPath, reasons } = await daemon.serving()
  expect(fastPath.mode).toBe('netlink')
  expect(reasons).toEqual(['fast path: not stateless: use BPF without CAP_BPF: EPERM'])
})

const needed = given.filter(name => name !== 'dac_read_search' && name !== 'bpf')

test.for(needed)('without CAP_%s it says so and ends', async name => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await using daemon = await startAsUser(
    a,
    given.filter(other => other !== name),
  )
  expect(await daemon.program.exited).toEqual({ status: 1, signal: undefined })
  expect(daemon.program.lines).toEqual([
    expect.stringMatching(new RegExp(`^siteplane: missing CAP_${name.toUpperCase()} \\([^)]+\\): `)),
  ])
})
