import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatPrefix } from '../../appliance/base/ip6.ts'
import type { AdvertiserCounters } from '../../appliance/ndp/lan-advertiser.ts'
import type { ResponderCounters } from '../../appliance/ndp/lan-responder.ts'
import {
  networkPrefix,
  parseNetworkId,
  parseNodeAddress,
  sitePrefix as sitePrefixOf,
} from '../../appliance/plane/sixplane.ts'
import type { Host } from './host.ts'
import { Lab, type Switch } from './lab.ts'
import type { RouterSettings } from './ndp-router.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

const network = '8056c2e21c000001'
const node = '89e92ceee5'
export const networkText = formatPrefix(networkPrefix(parseNetworkId(network))) // fc9c:56c2:e300::/40
export const siteText = formatPrefix(sitePrefixOf(parseNetworkId(network), parseNodeAddress(node)))

export interface RouterStatus {
  readonly status: number
  readonly advertiser: AdvertiserCounters
  readonly responder: ResponderCounters
  readonly otherRouters: readonly { linkLocal: string; contradictions: string[]; differences: string[] }[]
  readonly memory: number // octets
}

/**
 * One LAN with the router's neighbour discovery on it.
 *
 *   host ── eth0 ═══ switch ═══ lan0 ── router
 */
export class NdpLan implements AsyncDisposable {
  readonly lab: Lab
  readonly lan: Switch
  readonly router: Host
  readonly host: Host

  private constructor(lab: Lab, lan: Switch, router: Host, host: Host) {
    this.lab = lab
    this.lan = lan
    this.router = router
    this.host = host
  }

  static async create(): Promise<NdpLan> {
    const lab = await Lab.create()
    try {
      const lan = await lab.switch('lan')
      const router = await lab.host('router')
      await plug(lan, router, 'lan0', '02:00:00:00:00:01')
      // It is a router: what others advertise makes neither routes nor neighbours in its kernel, whose table all namespaces share.
      await router.run('sysctl', '-qw', 'net.ipv6.conf.lan0.accept_ra=0')
      const made = new NdpLan(lab, lan, router, await lab.host('host'))
      await plug(lan, made.host, 'eth0', '02:00:00:00:00:0b')
      return made
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts the router's services. */
  async start(settings: Partial<RouterSettings> = {}): Promise<Router> {
    const router = new Router(this.router, {
      interface: 'lan0',
      network,
      node,
      networkOnLink: true,
      responder: true,
      ...settings,
    })
    await router.program.says(/"ready":true/)
    return router
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]()
  }
}

/** A card whose addresses are usable at once: no test here is about duplicate detection of link-local addresses. */
export async function plug(lan: Switch, host: Host, link: string, mac: string): Promise<void> {
  await lan.plug({ host, link, mac })
  await host.run(
    'sysctl',
    '-qw',
    `net.ipv6.conf.${link}.accept_dad=0`,
    `net.ipv6.conf.${link}.router_solicitation_delay=0`,
  )
  await host.setUp(link)
  await host.linkLocal(link)
  await host.run('sysctl', '-qw', `net.ipv6.conf.${link}.accept_dad=1`)
}

export class Router implements AsyncDisposable {
  readonly program: Program
  readonly #path: string
  #settings: RouterSettings

  constructor(host: Host, settings: RouterSettings) {
    this.#path = join(host.folder, 'router.json')
    this.#settings = settings
    this.#write()
    this.program = host.spawn([process.execPath, new URL('ndp-router.ts', import.meta.url).pathname, this.#path])
  }

  change(settings: Partial<RouterSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.#write()
    this.program.signal('SIGHUP')
  }

  async status(): Promise<RouterStatus> {
    const all = () => this.program.lines.filter(line => line.startsWith('{"status"'))
    const before = all().length
    this.program.signal('SIGUSR1')
    const line = await until(() => all()[before], 'the status of the router')
    return JSON.parse(line) as RouterStatus
  }

  /** Stops for good, and returns how long that took in milliseconds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    const began = performance.now()
    await this.program.stop(signal)
    return performance.now() - began
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop('SIGKILL')
  }

  #write(): void {
    writeFileSync(this.#path, JSON.stringify(this.#settings))
  }
}
