import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addressIn, formatIp6, formatPrefix } from '../../appliance/base/ip6.ts'
import type { LeaseRow, Status } from '../../appliance/http/api.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { Client } from './client.ts'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

/**
 * A segment behind an L3 switch, a2, which relays DHCPv6 (dnsmasq) and advertises itself there (radvd):
 *
 *   far ── eth0 ═══ segment ═══ seg0 ── a2 ── eth0 ═══ LAN of a ═══ lan0 ── a (siteplane) ── overlay ── b ── b1
 */
class Segment implements AsyncDisposable {
  readonly far: Host
  readonly l3: Host
  readonly prefix: string
  readonly router: string // of a2 on the segment
  readonly uplink: string // of a2 on the LAN
  readonly #programs: Program[] = []

  private constructor(far: Host, site: Site) {
    this.far = far
    this.l3 = site.hosts[1]
    const { prefix, router } = lanPlan(site.place.sitePrefix, 5)
    this.prefix = formatPrefix(prefix)
    this.router = formatIp6(router)
    this.uplink = formatIp6(addressIn(site.place.sitePrefix, 2n))
  }

  static async create(sites: TwoSites): Promise<Segment> {
    const far = await sites.lab.host('far')
    const made = new Segment(far, sites.a)
    const cable = await sites.lab.switch('segment')
    await cable.plug({ host: far, link: 'eth0' })
    await cable.plug({ host: made.l3, link: 'seg0' })
    const { l3 } = made
    await l3.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    await l3.setUp('eth0')
    await l3.setUp('seg0')
    await l3.ip('-6', 'address', 'add', `${made.uplink}/80`, 'dev', 'eth0', 'nodad')
    await l3.ip('-6', 'address', 'add', `${made.router}/88`, 'dev', 'seg0', 'nodad')
    await l3.ip('-6', 'route', 'add', sites.networkPrefix, 'via', sites.a.address)
    await l3.linkLocal('seg0')
    made.#advertise()
    return made
  }

  /** Starts the relay, which takes its messages to this server. */
  relay(server: string): Program {
    const file = join(this.l3.folder, 'relay.conf')
    writeFileSync(file, `port=0\ninterface=seg0\ndhcp-relay=${this.router},${server}\n`)
    const files = ['--pid-file', `--dhcp-leasefile=${join(this.l3.folder, 'leases')}`]
    const program = this.l3.spawn(['dnsmasq', '-k', `--conf-file=${file}`, '--user=root', '--log-facility=-', ...files])
    this.#programs.push(program)
    return program
  }

  #advertise(): void {
    const file = join(this.l3.folder, 'radvd.conf')
    const prefix = `prefix ${this.prefix} { AdvOnLink on; AdvAutonomous off; };`
    writeFileSync(
      file,
      `interface seg0 { AdvSendAdvert on; AdvManagedFlag on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; ${prefix} };\n`,
    )
    const pid = join(this.l3.folder, 'radvd.pid')
    this.#programs.push(this.l3.spawn(['radvd', '-n', '-m', 'stderr', '-C', file, '-p', pid]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program.stop()
  }
}

const behindRelay = (address: string) => `  - { interface: lan0, subnet: 5, relay: { address: "${address}" } }\n`

test('H01 H02 H04 a host behind an L3 switch gets an address of its segment through the relay, and reaches the other site', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using segment = await Segment.create(sites)
  await using router = a.start({ configuration: a.configuration(behindRelay('::2')) })
  await using other = b.start()
  await router.serving()
  await other.serving()
  segment.relay(a.address)

  await using _far = new Client(segment.far, 'dhclient')
  const start = `${a.addressStart}85`
  const address = await until(() => segment.far.globalAddress('eth0', start), 'an address of the segment', 20_000)
  const { address: mac } = (await segment.far.ip<{ address: string }>('link', 'show', 'eth0'))[0]!
  expect((await router.leases()) as readonly LeaseRow[]).toMatchObject([
    {
      address,
      interface: 'lan0',
      subnet: 5,
      relay: { address: segment.uplink },
      linkLayerAddress: mac,
      state: 'bound',
    },
  ])
  const { lan, reasons } = (await router.get('/v1/status')) as Status
  expect(lan).toMatchObject([
    {
      interface: 'lan0',
      activeLeases: 0,
      segments: [{ subnet: 5, prefix: segment.prefix, relay: segment.uplink, activeLeases: 1 }],
    },
  ])
  expect(Date.parse(lan[0]!.segments[0]!.heardAt!)).toBeGreaterThan(Date.now() - 60_000)
  expect(reasons.filter(reason => reason.includes('relay'))).toEqual([])

  // Across the overlay to a host of the other site, and from its neighbour LAN: both by the route to the segment.
  await using _b1 = new Client(b.hosts[0], 'networkd')
  await using _a1 = new Client(a.hosts[0], 'networkd')
  const b1 = await until(() => b.hosts[0].globalAddress('eth0', b.addressStart), 'an address of b', 20_000)
  const a1 = await until(() => a.hosts[0].globalAddress('eth0', a.addressStart), 'an address of a', 20_000)
  await segment.far.reaches(b1)
  await b.hosts[0].reaches(address)
  await a.hosts[0].reaches(address)
  await segment.far.reaches(a1)

  await router.stop()
  expect(await a.router.routes('table', '80')).toEqual([])
})

test('H01 a relay that is not configured is dropped and named; after a reload that knows it the host is served', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await using segment = await Segment.create(sites)
  await using router = a.start({ configuration: a.configuration(behindRelay('::3')) })
  await router.serving()
  segment.relay(a.address)
  await using _far = new Client(segment.far, 'dhclient')
  const dropped = `messages of the relay ${segment.uplink} are dropped`
  const { state, lan } = await router.hasStatus(
    ({ reasons }) => reasons.some(reason => reason.includes(dropped)),
    'to name the relay',
    20_000,
  )
  expect(state).toBe('serving')
  expect(lan[0]!.counters['dhcpv6.ignored.unknownRelay']).toBeGreaterThan(0)
  expect(await segment.far.globalAddress('eth0', a.addressStart)).toBeUndefined()

  router.configure(a.configuration(behindRelay('::2')))
  router.reload()
  await until(() => segment.far.globalAddress('eth0', `${a.addressStart}85`), 'an address of the segment', 30_000)
})

test('G06 a host behind the relay that takes a Reconfigure has it through the relay, when a reload changes its name servers', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await using segment = await Segment.create(sites)
  await using router = a.start({ configuration: a.configuration(behindRelay('::2')) })
  await router.serving()
  segment.relay(a.address)
  await using _far = new Client(segment.far, 'dibblerReconfigured')
  await until(() => segment.far.globalAddress('eth0', `${a.addressStart}85`), 'an address of the segment', 30_000)

  const changed = behindRelay('::2').replace(' }\n', ', dns: { servers: ["fd00::53"] } }\n')
  router.configure(a.configuration(changed))
  router.reload()
  const { lan } = await router.hasStatus(
    status => (status.lan[0]!.counters['dhcpv6.reconfigureAnswered'] ?? 0) > 0,
    'to have its Reconfigure answered',
    20_000,
  )
  expect(lan[0]!.counters).toMatchObject({ 'dhcpv6.reconfigured': 1, 'dhcpv6.bugs': 0 })
})
