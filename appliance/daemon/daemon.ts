/**
 * The daemon: builds the parts, starts them in order, reloads, and stops in reverse. This folder is the only place where the
 * parts meet.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { ConfigError, messageOf, OperatorError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { Supervisor } from '../base/part.ts'
import { loadConfig } from '../config/load.ts'
import type { Config, OverlayConfig } from '../config/schema.ts'
import { ClientStore } from '../dhcp/client-store.ts'
import { loadIdentity } from '../dhcp/identity.ts'
import { openStore, type Store } from '../dhcp/store.ts'
import type { Status, View } from '../http/api.ts'
import { HttpServer } from '../http/serve.ts'
import { Converger } from '../netlink/converge.ts'
import { FileJournal } from '../netlink/journal.ts'
import type { Kernel } from '../netlink/kernel.ts'
import { forwardRules } from '../netlink/netfilter.ts'
import { openKernel } from '../netlink/rtnetlink.ts'
import type { Overlay } from '../overlay/overlay.ts'
import { StaticOverlay } from '../overlay/static.ts'
import { ZerotierOverlay } from '../overlay/zerotier.ts'
import { Announcer } from './announcer.ts'
import { FastPath } from './fast-path.ts'
import { sitesOf } from './fast-path-status.ts'
import { Ipv4 } from './ipv4.ts'
import { recall } from './memory.ts'
import { prefixView } from './prefix-view.ts'
import { Prefixes } from './prefixes.ts'
import { Router } from './router.ts'
import { Slaac } from './slaac.ts'
import { Slot } from './slot.ts'
import { leasesOf, statusOf } from './status.ts'

export interface DaemonOptions {
  readonly configFile: string
  readonly socket: string | undefined // instead of the configuration's
  readonly version: string
  readonly log: Log & { level: string }
}

/** `stop`: for good, nothing of ours is left. `hand-over`: leave everything working for the next start. */
export type Ending = 'stop' | 'hand-over'

const tendEvery = 1_000

export class Daemon {
  readonly #options: DaemonOptions
  readonly #log: Log
  readonly #clock: Clock = systemClock
  readonly #startedAt = Date.now()
  readonly #supervisor: Supervisor
  readonly #resources: AsyncDisposableStack
  readonly #store: Store
  readonly #fastPath: FastPath
  readonly #clients: ClientStore
  readonly #converger: Converger
  readonly #overlay: Slot<Overlay>
  readonly #http: Slot<HttpServer>
  readonly #prefixes: Prefixes
  readonly #router: Router
  readonly #announcer: Announcer
  readonly #ipv4: Ipv4
  readonly #slaac: Slaac
  #config: Config
  #refused: string | undefined

  /** Opens what everything else needs. Throws an OperatorError or a ConfigError of which the operator needs no stack. */
  static async create(options: DaemonOptions): Promise<Daemon> {
    const config = configOf(options)
    await using resources = new AsyncDisposableStack()
    const directory = config.stateDirectory
    const inDirectory = (error: unknown) =>
      new OperatorError(`can't use the state directory ${directory}: ${messageOf(error)}`, { cause: error })
    try {
      mkdirSync(directory, { recursive: true, mode: 0o750 })
    } catch (error) {
      throw inDirectory(error)
    }
    const store = resources.use(openStore(join(directory, 'leases.db'), options.log, systemClock))
    const tending = setInterval(() => store.tend(), tendEvery).unref()
    resources.defer(() => clearInterval(tending))
    const clients = resources.use(new ClientStore(join(directory, 'clients.db'), options.log, systemClock))
    const fastPath = resources.use(new FastPath(options.log))
    fastPath.know(store)
    store.onChange(changes => fastPath.follow(changes))
    const kernel = resources.use(await openKernel(options.log, fastPath))
    const journal = await FileJournal.open(directory, options.log).catch(error => {
      throw inDirectory(error)
    })
    const { bindings } = store
    const file = join(directory, 'prefixes.json')
    const prefixes = new Prefixes({ file, bindings, now: () => systemClock.now(), log: options.log })
    return new Daemon(options, config, { store, clients, kernel, journal, fastPath, prefixes }, resources.move())
  }

  private constructor(
    options: DaemonOptions,
    config: Config,
    opened: {
      store: Store
      clients: ClientStore
      kernel: Kernel
      journal: FileJournal
      fastPath: FastPath
      prefixes: Prefixes
    },
    resources: AsyncDisposableStack,
  ) {
    const { log } = options
    this.#options = options
    this.#log = log
    this.#config = config
    this.#resources = resources
    this.#store = opened.store
    this.#fastPath = opened.fastPath
    this.#clients = opened.clients
    this.#supervisor = new Supervisor(log, this.#clock)
    this.#converger = new Converger({ kernel: opened.kernel, journal: opened.journal, log, clock: this.#clock })
    this.#overlay = new Slot(this.#makeOverlay(config.overlay))
    this.#prefixes = opened.prefixes
    const identity = loadIdentity(config.stateDirectory)
    const clock = this.#clock
    this.#ipv4 = new Ipv4({ ...config, secret: identity.secret, clock, random: Math.random, log })
    const { stateDirectory } = config
    const onChange = () => void this.#router.refresh()
    this.#slaac = new Slaac({ stateDirectory, secret: identity.secret, clock, log, onChange })
    this.#router = new Router({
      config,
      slaac: this.#slaac,
      prefixes: opened.prefixes,
      converger: this.#converger,
      fastPath: opened.fastPath,
      forwardRules: () => forwardRules(log),
      report: () => this.#overlay.content.report(),
      recalled: recall(config.stateDirectory),
      shared: {
        store: opened.store,
        clients: opened.clients,
        identity,
        clock,
        random: Math.random,
        log,
      },
    })
    this.#http = new Slot(this.#makeHttp(config))
    this.#announcer = new Announcer(log, () => this.status())
  }

  async start(): Promise<void> {
    this.#resources.use(
      this.#converger.onState(state => {
        // Both know of it before anything is decided: a link that only one of them sees would lose what stands on it.
        this.#router.observe(state)
        this.#overlay.content.update(state.links)
        void this.#router.refresh()
        this.#ipv4.follow(this.#config, state.links)
      }),
    )
    await this.#supervisor.start(this.#converger)
    await this.#supervisor.start(this.#overlay)
    await this.#router.refresh() // hosts first: what the API takes to load is a tenth of a second
    await this.#supervisor.start(this.#http)
    this.#announcer.start()
  }

  /** Reads the configuration anew. One that can't be used is refused, and the old one goes on. */
  async reload(): Promise<void> {
    this.#announcer.reloading()
    try {
      const config = configOf(this.#options)
      if (config.stateDirectory !== this.#config.stateDirectory)
        throw new ConfigError('stateDirectory can only change by a restart: systemctl restart siteplane')
      this.#fastPath.retry()
      this.#apply(config)
      this.#overlay.content.refresh()
      this.#refused = undefined
      await this.#router.refresh()
      this.#log.info({}, 'the configuration was reloaded')
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      this.#refused = `the newest configuration is refused, the old one goes on: ${error.message}`
      this.#log.error({ reason: error.message }, 'the new configuration is refused, the old one goes on')
    } finally {
      this.#announcer.reloaded()
    }
  }

  async stop(ending: Ending): Promise<void> {
    const final = ending === 'stop'
    this.#log.info({ ending }, 'stopping')
    this.#announcer.stop()
    this.#ipv4.stop()
    await this.#router.stop(final)
    await this.#slaac.stop(final)
    if (final) await this.#converger.withdraw()
    await this.#supervisor.stop()
    await this.#resources.disposeAsync()
  }

  status(): Status {
    const router = this.#router
    return statusOf({
      version: this.#options.version,
      startedAt: this.#startedAt,
      config: this.#config,
      refusedConfig: this.#refused,
      report: this.#overlay.content.report(),
      site: router.site,
      kernel: this.#converger.status(),
      lans: router.lans,
      resolverCounters: router.resolver?.counters(),
      resolverFailure: router.resolverFailure,
      fastPlan: router.fastPlan,
      fastPath: this.#fastPath,
      prefixes: prefixView(this.#prefixes, router).prefixes(),
      prefixConflicts: router.surroundings ? this.#prefixes.conflicts(router.surroundings) : [],
      ipv4: this.#ipv4,
      slaac: this.#slaac,
      storeReasons: [...this.#store.reasons(), ...this.#clients.reasons()],
      parts: this.#supervisor.states(),
      httpReasons: this.#http.content.reasons(),
      clock: this.#clock,
    })
  }

  #apply(config: Config): void {
    const before = this.#config
    this.#config = config
    this.#options.log.level = config.log.level
    this.#router.configure(config)
    this.#ipv4.follow(config, this.#converger.status().links)
    if (!sameValue(before.overlay, config.overlay)) {
      const overlay = this.#makeOverlay(config.overlay)
      overlay.update(this.#converger.status().links)
      this.#overlay.replace(overlay)
    }
    if (!sameValue(before.http, config.http)) this.#http.replace(this.#makeHttp(config))
  }

  #makeOverlay(config: OverlayConfig): Overlay {
    const log = this.#log
    const clock = this.#clock
    const overlay =
      config.kind === 'static'
        ? new StaticOverlay({ ...config, clock, log })
        : new ZerotierOverlay({ ...config, recalled: recall(this.#config.stateDirectory)?.site, clock, log })
    overlay.onChange(() => void this.#router.refresh())
    return overlay
  }

  #makeHttp(config: Config): HttpServer {
    const view: View = {
      status: () => this.status(),
      leases: () => leasesOf(this.#store, this.#clients, this.#router.lans, { ipv4: this.#ipv4, slaac: this.#slaac }),
      sites: () => sitesOf(this.#fastPath, this.#config.overlay.network, this.#clock),
      ...prefixView(this.#prefixes, this.#router),
      alive: () => true,
      serving: () => this.status().state !== 'waiting',
    }
    const { listen, socket } = config.http
    return new HttpServer({ listen, socket, stateDirectory: config.stateDirectory, view, log: this.#log })
  }
}

function configOf({ configFile, socket }: DaemonOptions): Config {
  const config = loadConfig(configFile)
  return socket === undefined ? config : { ...config, http: { ...config.http, socket } }
}

/** Whether two values of the configuration say the same. Its bigints have no JSON of their own. */
function sameValue(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each))
  return text(a) === text(b)
}
