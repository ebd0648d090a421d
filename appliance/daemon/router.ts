/**
 * Follows the configuration, the overlay and the kernel, and keeps the kernel's desired state, the LANs and the overlay's
 * resolver in step with them. Everything that changes calls `refresh`; one pass at a time does the work.
 */
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatPrefix } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/schema.ts'
import type { Binding } from '../dhcp/binding.ts'
import type { FastPathPlan } from '../fastpath/plan.ts'
import { OverlayResolver } from '../fastpath/resolver.ts'
import type { Intent } from '../netlink/intent.ts'
import type { KernelState } from '../netlink/kernel.ts'
import type { OverlayReport } from '../overlay/overlay.ts'
import { type Site, sameSite } from '../plane/site.ts'
import { DelegationRoutes, stand } from './delegations.ts'
import type { FastPath } from './fast-path.ts'
import { FormerSite } from './former.ts'
import { intentOf } from './kernel-intent.ts'
import type { LanShared } from './lan.ts'
import type { LanNetwork } from './lan-world.ts'
import type { Lans } from './lans.ts'
import { type Memory, remember } from './memory.ts'
import type { Surroundings } from './named-prefix.ts'
import { Placement } from './placement.ts'
import type { Prefixes } from './prefixes.ts'
import type { Slaac } from './slaac.ts'

/** How long an overlay may stay away before hosts are told: a restart of ZeroTier takes about 2 s and is no news to them. */
const patience = 30_000

const retryDelay = 2_000 // for a resolver whose sockets could not be opened

interface RouterOptions {
  readonly config: Config
  readonly memory: string
  /** Of the kernel; resolves when that is done. Undefined: the site isn't known yet. */
  readonly intend: (intent: Intent | undefined) => Promise<void>
  readonly otherOverlays: () => readonly string[]
  readonly fastPath: FastPath
  readonly forwardRules: () => Promise<readonly string[]>
  readonly report: () => OverlayReport
  readonly recalled: Memory | undefined // who we were before this start
  readonly prefixes: Prefixes
  readonly isFirst: boolean // of the overlays
  readonly slaac: Slaac | undefined // of the first overlay
  readonly lans: Lans
  readonly shared: Pick<LanShared, 'store' | 'clock' | 'log'>
}

export class Router {
  #config: Config
  readonly #options: RouterOptions
  readonly #log: Log
  readonly #clock: Clock
  readonly #delegations: DelegationRoutes
  readonly #placement: Placement
  readonly #former: FormerSite
  #resolver: { readonly resolver: OverlayResolver; readonly key: string } | undefined
  #resolverFailure: string | undefined
  #site: Site | undefined
  #overlayName: string | undefined
  #lostAt: number | undefined
  #kernel: KernelState | undefined
  #intent = ''
  #standing: { readonly site: Site; readonly lans: ReadonlySet<string> } | undefined // what the kernel was last brought in step with
  #pass: Promise<void> | undefined
  #again = false
  #patienceTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: RouterOptions) {
    this.#options = options
    this.#config = options.config
    const { recalled } = options
    if (recalled?.site.network === options.config.overlay.network) this.#site = recalled.site
    this.#clock = options.shared.clock
    this.#log = options.shared.log
    this.#former = new FormerSite(this.#clock, () => void this.refresh(), recalled?.former)
    if (recalled && !this.#site) this.#former.begin(recalled.site, options.config.lan)
    this.#delegations = new DelegationRoutes(options.shared.store, () => void this.refresh())
    const { fastPath, forwardRules } = options
    this.#placement = new Placement({ fastPath, forwardRules, log: this.#log, wake: () => void this.refresh() })
    this.#lostAt = this.#clock.monotonic()
  }

  get site(): Site | undefined {
    return this.#site
  }

  /** What decides about prefixes with names; undefined while the site isn't known. */
  get surroundings(): Surroundings | undefined {
    return this.#site && this.#around(this.#site)
  }

  /** The kernel's state as it was last dumped. */
  get kernel(): KernelState | undefined {
    return this.#kernel
  }

  /** The name of the overlay's interface, as it was last told. */
  get overlayName(): string | undefined {
    return this.#overlayName
  }

  get resolver(): OverlayResolver | undefined {
    return this.#resolver?.resolver
  }

  /** How packets find their next hop; undefined while the site isn't known. */
  get fastPlan(): FastPathPlan | undefined {
    return this.#placement.standing
  }

  /** Why the resolver could not be started, the last time that was tried. */
  get resolverFailure(): string | undefined {
    return this.#resolverFailure
  }

  /** Whether hosts are (still) told that the /40 is reachable through us. */
  get networkReachable(): boolean {
    return this.#lostAt === undefined || this.#clock.monotonic() - this.#lostAt < patience
  }

  /** The kernel was dumped: links and addresses may have changed. The caller calls `refresh`. */
  observe(state: KernelState): void {
    this.#kernel = state
    this.#options.fastPath.observe(state)
  }

  configure(config: Config): void {
    const { overlay } = this.#config
    this.#config = config
    if (overlay.network !== config.overlay.network || overlay.kind !== config.overlay.kind)
      this.#overlayName = undefined
  }

  /** What this network is to a LAN that is in it: the site that the kernel is in step with, until it is so with another one. */
  networkOf(lan: string): LanNetwork {
    const site = this.#standing?.site ?? this.#site
    return {
      network: this.#config.overlay.network,
      site,
      previous: this.#former.withdrawn(site),
      former: this.#former.routed(site),
      networkReachable: this.networkReachable,
      answeredInKernel: this.#kernel !== undefined && this.#placement.answered(this.#kernel).has(lan),
      inStep: this.#standing?.lans.has(lan) === true,
    }
  }

  /** A prefix with a name came or went: no client gets what is in it, from now on and before anything else happens. */
  async prefixesChanged(): Promise<void> {
    this.#options.lans.rescope()
    await this.refresh()
  }

  /** Something changed. Resolves when a pass that began after this call is done. */
  refresh(): Promise<void> {
    this.#again = true
    this.#pass ??= this.#passes()
    return this.#pass
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#patienceTimer)
    clearTimeout(this.#retryTimer)
    this.#former.stop()
    this.#placement.stop()
    this.#delegations.stop()
    await this.#pass
    this.#resolver?.resolver.stop()
    this.#resolver = undefined
  }

  async #passes(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      try {
        await this.#one()
      } catch (error) {
        this.#log.error({ err: error }, 'could not bring the router in step with what changed')
        void this.#options.intend(undefined) // the other networks need not wait for this one
      }
    }
    this.#pass = undefined // at once: a refresh that comes from now on is not of this pass
  }

  /** The leases of these delegations were stored: whether their routes stand. */
  async routed(name: string, delegations: readonly Binding[]): Promise<boolean> {
    await this.refresh()
    const link = this.#kernel?.links.find(each => each.name === name)
    return !!this.#kernel && !!link && !!this.#site && stand(delegations, link.index, this.#site, this.#kernel)
  }

  async #one(): Promise<void> {
    const report = this.#options.report()
    this.#followOverlay(report)
    // An overlay that is away keeps its name: its rule stands when it comes back, and nothing slips by in between.
    this.#overlayName = report.interface ?? this.#overlayName
    const former = this.#former.routed(this.#site)
    const routes = [
      ...this.#delegations.wanted(this.#config.lan, this.#site, former),
      ...[this.#site, former].flatMap(site => this.#namedRoutes(site)),
    ]
    if (this.#site) await this.#options.lans.answerEarly()
    await this.#options.slaac?.follow(this.#config, this.#site, this.#overlayName)
    await this.#placement.follow({
      config: this.#config,
      site: this.#site,
      former,
      overlay: this.#overlayName,
      kernel: this.#kernel,
      ready: lan => this.#options.lans.ready(lan),
    })
    const intent = intentOf({
      config: this.#config,
      site: this.#site,
      former,
      overlay: this.#overlayName,
      otherOverlays: this.#options.otherOverlays(),
      fastPath: this.#placement.plan,
      routes,
      local: this.#options.slaac?.prefixes() ?? [],
    })
    const key = JSON.stringify(intent, (_, value) => (typeof value === 'bigint' ? value.toString(16) : value))
    // While nobody knows who we are, what an earlier run left stands: packets flow on through a restart.
    if (!this.#site) await this.#options.intend(undefined)
    else if (key !== this.#intent) {
      this.#intent = key
      // Addresses, routes and forwarding first: hosts are told of a route only when it stands. RFC 4191 section 4.
      await this.#options.intend(intent)
    }
    if (intent.site) this.#standing = { site: intent.site, lans: new Set(intent.lans.map(({ link }) => link)) }
    this.#placement.settled(this.#kernel)
    this.#followResolver(report)
    await this.#options.lans.refresh()
  }

  #namedRoutes(site: Site | undefined): Intent['routes'] {
    return site ? this.#options.prefixes.routes(this.#around(site)) : []
  }

  #around(site: Site): Surroundings {
    const { isFirst } = this.#options
    return { config: this.#config, site, overlay: this.#overlayName, isFirst }
  }

  #followOverlay(report: OverlayReport): void {
    if (report.carries) {
      this.#lostAt = undefined
      clearTimeout(this.#patienceTimer)
      this.#patienceTimer = undefined
    } else {
      this.#lostAt ??= this.#clock.monotonic()
      const left = this.#lostAt + patience - this.#clock.monotonic()
      if (left > 0) this.#patienceTimer ??= setTimeout(() => this.refresh(), left + 1).unref()
    }
    // A node that isn't a member yet has no site: hosts would get addresses that may never be ours.
    const certain = report.state === 'ok' || report.kind === 'static'
    if (!certain || !report.site || sameSite(report.site, this.#site)) return
    this.#log.info({ prefix: formatPrefix(report.site.sitePrefix) }, 'the site has its prefix')
    if (this.#site) this.#former.begin(this.#site, this.#config.lan)
    this.#site = report.site
    try {
      remember(this.#options.memory, { site: report.site, former: this.#former.memory })
    } catch (error) {
      // Only the next start without an overlay would miss it; hosts are served now.
      this.#log.warn({ err: error }, 'which site this is can not be kept on disk')
    }
  }

  #followResolver(report: OverlayReport): void {
    const link = this.#kernel?.links.find(each => each.name === report.interface)
    const wanted = this.#placement.plan?.mode === 'netlink' && this.#site && link?.up && link.mac !== undefined
    const key = wanted ? [link.index, link.mac, this.#site?.network, this.#site?.node].join(' ') : undefined
    if (key !== undefined && this.#resolver?.key === key) return
    this.#resolver?.resolver.stop()
    this.#resolver = undefined
    if (!wanted || key === undefined || !this.#site) {
      this.#resolverFailure = undefined // what isn't wanted can't fail
      return
    }
    const resolver = new OverlayResolver({
      link: { name: link.name, index: link.index },
      site: this.#site,
      log: this.#log,
      clock: this.#clock,
    })
    try {
      resolver.start()
      this.#resolver = { resolver, key }
      this.#resolverFailure = undefined
    } catch (error) {
      if (this.#resolverFailure === undefined)
        this.#log.error({ err: error }, 'can not resolve neighbours; trying again')
      this.#resolverFailure = messageOf(error)
      this.#retryTimer ??= this.#later(retryDelay)
    }
  }

  #later(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#retryTimer = undefined
      this.refresh()
    }, milliseconds).unref()
  }
}
