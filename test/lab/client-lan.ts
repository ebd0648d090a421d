import { parseIp6 } from '../../appliance/base/ip6.ts'
import { Capture } from './capture.ts'
import { Client, type ClientName } from './client.ts'
import type { Daemon, LeaseRow } from './daemon.ts'
import type { Host, HostRoute } from './host.ts'
import type { Plug } from './lab.ts'
import { networkRoutes } from './routes.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

/** What a client is known by, and what it does of itself. */
export interface Kind {
  readonly client: ClientName
  /** The type of its DUID. */
  readonly duid: string
  /** What it says when its cable is back after ten seconds; nothing where it goes on as if it had not been out. */
  readonly afterFlap: 'confirm' | 'solicit' | 'nothing'
  /** Whether it gives its address back when it is told to; the others leave it to expire. */
  readonly releases: boolean
  /** Whether it forgets an on-link prefix at once when that is withdrawn. dhcpcd keeps it for what is left of it, two hours at most. */
  readonly forgets: boolean
}

export const kinds: readonly Kind[] = [
  { client: 'dhclient', duid: '00:01', afterFlap: 'nothing', releases: true, forgets: true },
  { client: 'dhcpcd', duid: '00:01', afterFlap: 'confirm', releases: true, forgets: false },
  { client: 'networkd', duid: '00:02', afterFlap: 'solicit', releases: false, forgets: true },
  { client: 'networkManager', duid: '00:04', afterFlap: 'solicit', releases: false, forgets: true },
  { client: 'dibbler', duid: '00:01', afterFlap: 'confirm', releases: true, forgets: true },
  { client: 'dhcp6c', duid: '00:01', afterFlap: 'nothing', releases: true, forgets: true },
]

// Short enough that a test sees a renewal, long enough for dhcp6c, which makes 18 s of T1 and 30 s of T2.
const lifetimes = '    dhcpv6: { lifetimes: { preferred: 40, valid: 60, t1: 4, t2: 20 } }\n'

/**
 * Every kind of client on one LAN of a real router, with leases so short that they are renewed at once:
 *
 *   dhclient ─┐
 *   dhcpcd   ─┼─ LAN ─ lan0 ── a
 *   …        ─┘           (siteplane)
 */
export class ClientLan implements AsyncDisposable {
  readonly site: Site
  #configuration: string
  readonly #sites: TwoSites
  readonly #seats = new Map<ClientName, Seat>()
  #daemon: Daemon
  #capture: Capture | undefined

  private constructor(sites: TwoSites) {
    this.#sites = sites
    this.site = sites.a
    this.#configuration = sites.a.configuration(lifetimes)
    this.#daemon = sites.a.start({ configuration: this.#configuration })
  }

  static async create(): Promise<ClientLan> {
    const lan = new ClientLan(await TwoSites.create())
    try {
      await lan.daemon.serving()
      lan.#capture = await Capture.start(lan.site.router, 'lan0', 'udp dst port 547')
      for (const { client: name } of kinds) lan.#seats.set(name, await lan.#seat(name))
      return lan
    } catch (error) {
      await lan[Symbol.asyncDispose]()
      throw error
    }
  }

  get daemon(): Daemon {
    return this.#daemon
  }

  at(name: ClientName): Seat {
    return this.#seats.get(name)!
  }

  get seats(): readonly Seat[] {
    return [...this.#seats.values()]
  }

  /** The leases of a host, by the MAC of its card. */
  async leases({ mac }: Seat): Promise<readonly LeaseRow[]> {
    return (await this.#daemon.leases()).filter(({ linkLayerAddress }) => linkLayerAddress === mac)
  }

  /** The routes of a host to the other sites. */
  networkRoutes({ host }: Seat): Promise<readonly HostRoute[]> {
    return networkRoutes(host, this.#sites)
  }

  /** What the clients say from here on is news. */
  mark(): void {
    for (const seat of this.#seats.values()) seat.mark()
  }

  /** Ends the daemon, does something meanwhile, and starts it again. */
  async restart(how: 'handOver' | 'kill', meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
    this.mark()
    await this.#daemon[how]()
    await meanwhile()
    this.#daemon = this.site.start({ configuration: this.#configuration })
    await this.#daemon.serving()
  }

  /** The router has another node address from now on: the site has another /80. */
  async renumber(node: string, mac: string): Promise<void> {
    this.mark()
    await this.site.router.ip('link', 'set', 'zt0', 'address', mac)
    this.#configuration = this.#configuration.replace(this.site.node, node)
    this.#daemon.configure(this.#configuration)
    this.#daemon.reload()
    const isNew: Parameters<Daemon['hasStatus']>[0] = ({ state, overlay }) =>
      state === 'serving' && overlay.node === node
    await this.#daemon.hasStatus(isNew, 'to serve as the new node')
  }

  async #seat(name: ClientName): Promise<Seat> {
    const host = await this.#sites.lab.host(name)
    const mac = `02:00:00:00:01:0${this.#seats.size}`
    const cable = await this.site.lan.plug({ host, link: 'eth0', mac })
    return new Seat({ host, mac, cable, capture: this.#capture!, client: new Client(host, name) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
    await this.#sites[Symbol.asyncDispose]()
  }
}

/** A host with its client and its cable. */
export class Seat {
  readonly host: Host
  readonly mac: string
  readonly cable: Plug
  readonly client: Client
  readonly #capture: Capture
  #marked = 0

  constructor(o: Pick<Seat, 'host' | 'mac' | 'cable' | 'client'> & { readonly capture: Capture }) {
    this.host = o.host
    this.mac = o.mac
    this.cable = o.cable
    this.client = o.client
    this.#capture = o.capture
  }

  /** Its address that begins so, once it has one. */
  address(start: string): Promise<string> {
    const { host, client } = this
    return until(() => host.globalAddress('eth0', start), `an address ${start}… of ${client.kind.title}`)
  }

  /** All its global addresses, usable or not. */
  async addresses(): Promise<string[]> {
    const all = await this.host.addresses('eth0')
    return all.filter(({ scope }) => scope === 'global').map(({ local }) => local)
  }

  mark(): void {
    this.#marked = this.#said.length
  }

  /** The DHCPv6 messages that it sent since the mark: `solicit`, `renew` … */
  get news(): string[] {
    return this.#said.slice(this.#marked)
  }

  /** Those of them that are more than going on with what it has. */
  get newBeginnings(): string[] {
    return this.news.filter(message => message !== 'renew' && message !== 'rebind')
  }

  get #said(): string[] {
    const sent = this.#capture.packets.filter(line => line.startsWith(this.mac))
    return sent.map(line => /dhcp6 ([a-z-]+)/.exec(line)![1]!)
  }
}

/** The last 48 bits of an address, which are the host's wherever the site is. */
export const hostPart = (address: string): bigint => BigInt.asUintN(48, parseIp6(address))
