/**
 * Two sites on a flat overlay, as an operator of two routers would have them:
 *
 *   a1 ─┐            ┌─────────── overlay ───────────┐            ┌─ b1
 *       ├─ LAN ─ lan0 a zt0 ═════════════════ zt0 b lan0 ─ LAN ─┤
 *   a2 ─┘       (siteplane)                    (siteplane)        └─ b2
 *
 * The overlay is plain Ethernet: each zt0 has the MAC that ZeroTier would give it, and nothing emulates neighbour discovery.
 */
import { formatIp6, formatPrefix } from '../../appliance/base/ip6.ts'
import { type Site as Place, siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Daemon, type DaemonOptions } from './daemon.ts'
import type { Host } from './host.ts'
import { Lab, type Plug, type Switch } from './lab.ts'

export const network = '8056c2e21c000001'
const nodes = { a: '11aa22bb33', b: '7711223344' } as const
const overlayMtu = 2800 // ZeroTier's

/** A router and its LAN. */
export class Site {
  readonly name: 'a' | 'b'
  readonly node: string
  readonly place: Place
  readonly router: Host
  readonly hosts: readonly [Host, Host]
  readonly lan: Switch
  /** The cable of the router's LAN card. */
  readonly lanCable: Plug
  readonly #overlay: Switch

  constructor(o: Pick<Site, 'name' | 'router' | 'hosts' | 'lan' | 'lanCable'> & { overlay: Switch }) {
    this.name = o.name
    this.node = nodes[o.name]
    this.place = siteOf(parseNetworkId(network), parseNodeAddress(this.node))
    this.router = o.router
    this.hosts = o.hosts
    this.lan = o.lan
    this.lanCable = o.lanCable
    this.#overlay = o.overlay
  }

  /** The /80 as text. */
  get prefix(): string {
    return formatPrefix(this.place.sitePrefix)
  }

  /** `<site>::1` as text. */
  get address(): string {
    return formatIp6(this.place.address)
  }

  /** An address of this site as text, by its 48 host bits. */
  addressAt(hostBits: bigint): string {
    return formatIp6((this.place.sitePrefix.address | hostBits) as Place['address'])
  }

  /** What every address of this site begins with, as `ip` prints it. */
  get addressStart(): string {
    return this.address.replace(/:?:1$/, ':')
  }

  /** Makes the router's zt0, with the MAC of its node, and sets it up. */
  async connectOverlay(): Promise<Plug> {
    return await this.connect(this.router, 'zt0', this.place.mac)
  }

  /** The same for another computer, which may be anyone's. */
  async connect(host: Host, link: string, mac: string): Promise<Plug> {
    const cable = await this.plugIn(host, link, mac)
    await host.setUp(link)
    return cable
  }

  /** The same, left down. */
  async plugIn(host: Host, link: string, mac: string): Promise<Plug> {
    return await this.#overlay.plug({ host, link, mac }, overlayMtu)
  }

  /**
   * Gives a host an address of this site and the way to the network, with no client: for tests that aren't about how hosts come
   * by them. Returns the address.
   */
  async settle(host: Host, hostBits: bigint): Promise<string> {
    const address = this.addressAt(hostBits)
    await host.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=0') // else its routes change in the middle of a test
    await host.setUp('eth0')
    await host.ip('address', 'add', `${address}/80`, 'dev', 'eth0', 'nodad')
    const via = await this.router.linkLocal('lan0')
    await host.ip('-6', 'route', 'add', formatPrefix(this.place.networkPrefix), 'via', via, 'dev', 'eth0')
    await host.linkLocal('eth0')
    return address
  }

  /** The least configuration of this site's router; `more` is added at the end. */
  configuration(more = ''): string {
    const overlay = `overlay: { kind: static, network: "${network}", node: "${this.node}", interface: zt0 }`
    return `${overlay}\nlan:\n  - interface: lan0\n${more}`
  }

  /** How many programs of ours stand on each point of the router's links: `zt0 ingress 1`. */
  async standing(...links: readonly string[]): Promise<string[]> {
    const program = new URL('standing.ts', import.meta.url).pathname
    return (await this.router.run(process.execPath, program, ...links)).trim().split('\n')
  }

  /** Starts siteplane on the router. */
  start(options: Partial<DaemonOptions> = {}): Daemon {
    return new Daemon(this.router, { configuration: this.configuration(), ...options })
  }
}

export class TwoSites implements AsyncDisposable {
  readonly lab: Lab
  readonly a: Site
  readonly b: Site

  private constructor(lab: Lab, a: Site, b: Site) {
    this.lab = lab
    this.a = a
    this.b = b
  }

  /** Builds everything but the hosts' network: their eth0 is down until a client is started. */
  static async create(o: { readonly overlay: boolean } = { overlay: true }): Promise<TwoSites> {
    const lab = await Lab.create()
    try {
      const overlay = await lab.switch('overlay')
      const sites = new TwoSites(lab, await buildSite(lab, 'a', overlay), await buildSite(lab, 'b', overlay))
      if (o.overlay) for (const site of sites.all) await site.connectOverlay()
      return sites
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  get all(): readonly [Site, Site] {
    return [this.a, this.b]
  }

  /** The /40 as text. */
  get networkPrefix(): string {
    return formatPrefix(this.a.place.networkPrefix)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]()
  }
}

async function buildSite(lab: Lab, name: 'a' | 'b', overlay: Switch): Promise<Site> {
  const router = await lab.host(name)
  const lan = await lab.switch(`lan-${name}`)
  const lanCable = await lan.plug({ host: router, link: 'lan0' })
  await router.setUp('lan0')
  const hosts = [await lab.host(`${name}1`), await lab.host(`${name}2`)] as const
  for (const host of hosts) await lan.plug({ host, link: 'eth0' })
  return new Site({ name, router, hosts, lan, lanCable, overlay })
}
