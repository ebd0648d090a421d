import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Status as Shown } from '../../appliance/http/api.ts'
import { Client } from './client.ts'
import { Lab } from './lab.ts'
import { networkRoutes } from './routes.ts'
import { network, type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** What the unit gives the daemon, such as `net_admin`. */
const unit = readFileSync(new URL('../../systemd/siteplane.service', import.meta.url), 'utf8')
const given = /^AmbientCapabilities=(.+)$/m.exec(unit)![1]!.toLowerCase().replaceAll('cap_', '').split(' ')

/** What runs a command as an ordinary user with these capabilities and no way to get others. */
function asUser(capabilities: readonly string[]): readonly string[] {
  const list = (sign: string) => ['-all', ...capabilities.map(name => `${sign}${name}`)].join(',')
  return [
    ...['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--no-new-privs'],
    ...[`--bounding-set=${list('+')}`, `--inh-caps=${list('+')}`, `--ambient-caps=${list('+')}`],
  ]
}

/** A daemon that runs as an ordinary user with these capabilities and no way to get others. */
async function startAsUser(site: Site, capabilities: readonly string[], more = '') {
  await site.router.run('mkdir', '-p', `${site.router.folder}/run`, `${site.router.folder}/state`)
  await site.router.run('chown', '-R', 'nobody', `${site.router.folder}/run`, `${site.router.folder}/state`)
  return site.start({ under: asUser(capabilities), configuration: site.configuration(more) })
}

test('an ordinary user with the capabilities of the unit, and no others, serves a site and leaves the machine as it was', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const rules = () => a.router.run('ip', '-6', 'rule')
  const before = await rules()
  await a.router.run('ip', 'address', 'add', '192.168.8.1/24', 'dev', 'lan0')
  await using daemon = await startAsUser(a, given, '    slaac: true\n    ipv4: { address: 192.168.8.1/24 }\n')
  await using other = b.start()
  const [status] = await Promise.all([daemon.serving(), other.serving()])
  expect(status.reasons).toEqual([])
  expect(status.fastPath.mode).toBe('stateless')
  expect(((await daemon.get('/v1/status')) as Shown).lan).toMatchObject([
    { ipv4: { state: 'serving' }, slaac: { state: 'serving' } },
  ])

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
  expect(await a.router.run('nft', 'list', 'tables')).toBe('')
})

/** Loads each program with all that it can do, in every shape that the verifier has to look at, and says what capabilities it had. */
const loadAll = `
import { parseIp6 } from './appliance/base/ip6.ts'
import { parseMac } from './appliance/base/mac.ts'
import { Programs } from './appliance/fastpath/attach.ts'
import { feature } from './appliance/fastpath/instance.ts'
import { lanPlan } from './appliance/plane/plan.ts'
import { siteOf } from './appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from './appliance/plane/sixplane.ts'
import { effectiveCapabilities } from './appliance/system/capabilities.ts'

const site = siteOf(parseNetworkId('${network}'), parseNodeAddress('11aa22bb33'))
const features = Object.keys(feature)
const mac = parseMac('02:00:00:00:00:01')
using programs = new Programs()
const loaded = []
for (const chosen of [features, [], ...features.map(one => [one])]) {
  const overlay = { kind: 'overlay', site, features: chosen, subnets: [] }
  const lan = { kind: 'lan', site, plan: lanPlan(site.sitePrefix, undefined), mac, linkLocal: parseIp6('fe80::1'), features: chosen,
    subnets: [3], overlay: { index: 1, mac: site.mac } }
  loaded.push(programs.load(overlay, 'ingress'), programs.load(overlay, 'egress'), programs.load(lan, 'ingress'))
}
console.log(JSON.stringify({ capabilities: [...effectiveCapabilities()].sort(), loaded: loaded.filter(({ fd }) => fd > 0).length }))`

test('CAP_BPF and CAP_NET_ADMIN are all that loading the programs takes, whatever they have to do', async () => {
  await using lab = await Lab.create()
  const host = await lab.host('loader')
  const argv = [process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', loadAll]
  await using program = host.spawn(['env', '-C', root, ...asUser(['bpf', 'net_admin']), ...argv])
  expect(await program.exited, program.output).toEqual({ status: 0, signal: undefined })
  expect(JSON.parse(program.output)).toEqual({ capabilities: ['CAP_BPF', 'CAP_NET_ADMIN'], loaded: 30 })
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
