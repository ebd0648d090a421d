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
import { type Config, configsByOverlay } from '../config/schema.ts'
import type { Binding } from '../dhcp/binding.ts'
import { ClientStore } from '../dhcp/client-store.ts'
import { loadIdentity } from '../dhcp/identity.ts'
import { openStore, type Store } from '../dhcp/store.ts'
import type { Status, View } from '../http/api.ts'
import { HttpServer } from '../http/serve.ts'
import { Converger } from '../netlink/converge.ts'
import { FileJournal } from '../netlink/journal.ts'
import type { Kernel, ProgramSource } from '../netlink/kernel.ts'
import { openKernel } from '../netlink/rtnetlink.ts'
import type { NetworkId } from '../plane/sixplane.ts'
import { Announcer } from './announcer.ts'
import { FastPath } from './fast-path.ts'
import { sitesOf } from './fast-path-status.ts'
import { Intents } from './intents.ts'
import { Ipv4 } from './ipv4.ts'
import { Lans } from './lans.ts'
import { memoryFiles } from './memory.ts'
import { Network, sameValue } from './network.ts'
import { prefixView } from './prefix-view.ts'
import { Prefixes } from './prefixes.ts'
import { Slaac } from './slaac.ts'
import { Slot } from './slot.ts'
import { leasesOf, statusOf, together } from './status.ts'
import { Told } from './told.ts'

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
  readonly #networks: readonly Network[]
  readonly #lans: Lans
  readonly #clients: ClientStore
  readonly #converger: Converger
  readonly #http: Slot<HttpServer>
  readonly #prefixes: Prefixes
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
    const fastPaths = config.overlays.map(() => {
      const fastPath = resources.use(new FastPath(options.log))
      fastPath.know(store)
      store.onChange(changes => fastPath.follow(changes))
      return fastPath
    })
    const kernel = resources.use(await openKernel(options.log, programsOf(fastPaths)))
    const journal = await FileJournal.open(directory, options.log).catch(error => {
      throw inDirectory(error)
    })
    const { bindings } = store
    const file = join(directory, 'prefixes.json')
    const prefixes = new Prefixes({ file, bindings, now: () => systemClock.now(), log: options.log })
    return new Daemon(options, config, { store, clients, kernel, journal, fastPaths, prefixes }, resources.move())
  }

  private constructor(
    options: DaemonOptions,
    config: Config,
    opened: {
      store: Store
      clients: ClientStore
      kernel: Kernel
      journal: FileJournal
      fastPaths: readonly FastPath[]
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
    this.#clients = opened.clients
    this.#supervisor = new Supervisor(log, this.#clock)
    this.#converger = new Converger({ kernel: opened.kernel, journal: opened.journal, log, clock: this.#clock })
    this.#prefixes = opened.prefixes
    const identity = loadIdentity(config.stateDirectory)
    const clock = this.#clock
    this.#ipv4 = new Ipv4({ ...config, secret: identity.secret, clock, random: Math.random, log })
    const { stateDirectory } = config
    const onChange = () => void this.#networks[0]!.router.refresh()
    this.#slaac = new Slaac({ stateDirectory, secret: identity.secret, clock, log, onChange })
    const intents = new Intents(this.#converger, config.overlays.length)
    const files = memoryFiles(config)
    const shared = { store: opened.store, clients: opened.clients, clock, log }
    this.#lans = new Lans({
      config,
      shared: {
        ...shared,
        identity,
        random: Math.random,
        routed: (name, delegations) => this.#routed(name, delegations),
        named: () => opened.prefixes.ranges,
      },
      networks: lan => lan.networks.flatMap(each => this.#networkOf(each)?.router.networkOf(lan.interface) ?? []),
      overlays: () => this.#networks.flatMap(({ router }) => router.overlayName ?? []),
      autonomous: name => this.#slaac.prefixOf(name),
      told: new Told(join(config.stateDirectory, 'told.json'), clock, log),
    })
    this.#networks = configsByOverlay(config).map(
      (own, i) =>
        new Network({
          config: own,
          memory: files[i]!,
          fastPath: opened.fastPaths[i]!,
          prefixes: opened.prefixes,
          isFirst: i === 0,
          slaac: i === 0 ? this.#slaac : undefined,
          intend: intent => intents.set(i, intent),
          otherOverlays: () =>
            this.#networks.filter((_, j) => j !== i).flatMap(({ router }) => router.overlayName ?? []),
          lans: this.#lans,
          shared,
        }),
    )
    this.#http = new Slot(this.#makeHttp(config))
    this.#announcer = new Announcer(log, () => this.status())
  }

  async start(): Promise<void> {
    this.#resources.use(
      this.#converger.onState(state => {
        this.#lans.observe(state)
        for (const network of this.#networks) network.observe(state)
        this.#followIpv4()
      }),
    )
    await this.#supervisor.start(this.#converger)
    await Promise.all(this.#networks.map(({ overlay }) => this.#supervisor.start(overlay)))
    await this.#refresh() // hosts first: what the API takes to load is a tenth of a second
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
      if (!sameNetworks(config, this.#config))
        throw new ConfigError('which overlays there are can only change by a restart: systemctl restart siteplane')
      await this.#apply(config)
      this.#refused = undefined
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
    await Promise.all(this.#networks.map(({ router }) => router.stop()))
    await this.#lans.stop(final)
    await this.#slaac.stop(final)
    if (final) await this.#converger.withdraw()
    await this.#supervisor.stop()
    await this.#resources.disposeAsync()
  }

  status(): Status {
    return together(this.#networks.map(network => this.#statusOf(network)))
  }

  #statusOf({ config, overlay, router, fastPath }: Network): Status {
    const { surroundings, kernel } = router
    return statusOf({
      version: this.#options.version,
      startedAt: this.#startedAt,
      config,
      several: this.#networks.length > 1,
      refusedConfig: this.#refused,
      report: overlay.content.report(),
      site: router.site,
      kernel: this.#converger.status(),
      lans: this.#lans.all,
      resolverCounters: router.resolver?.counters(),
      resolverFailure: router.resolverFailure,
      fastPlan: router.fastPlan,
      fastPath,
      prefixes: surroundings ? this.#prefixes.rows(surroundings, kernel) : [],
      prefixConflicts: surroundings ? this.#prefixes.conflicts(surroundings, kernel) : [],
      ipv4: this.#ipv4,
      slaac: this.#slaac,
      storeReasons: [...this.#store.reasons(), ...this.#clients.reasons()],
      parts: this.#supervisor.states(),
      httpReasons: this.#http.content.reasons(),
      clock: this.#clock,
    })
  }

  #networkOf(network: NetworkId): Network | undefined {
    return this.#networks.find(({ config }) => config.overlay.network === network)
  }

  /** In each network that the LAN has a prefix of. */
  async #routed(name: string, delegations: readonly Binding[]): Promise<boolean> {
    const lan = this.#config.lan.find(each => each.interface === name)
    const routers = (lan?.networks ?? [])
      .flatMap(each => this.#networkOf(each)?.router ?? [])
      .filter(({ site }) => site)
    const stand = await Promise.all(routers.map(router => router.routed(name, delegations)))
    return stand.length > 0 && stand.every(each => each)
  }

  async #refresh(): Promise<void> {
    await Promise.all(this.#networks.map(({ router }) => router.refresh()))
  }

  /** Members of the networks must not hear its server. */
  #followIpv4(): void {
    const overlays = this.#networks.flatMap(({ router }) => router.overlayName ?? [])
    const { links } = this.#converger.status()
    this.#ipv4.follow(
      this.#config,
      links.filter(({ name }) => !overlays.includes(name)),
    )
  }

  async #apply(config: Config): Promise<void> {
    const before = this.#config
    this.#config = config
    this.#options.log.level = config.log.level
    this.#followIpv4()
    if (!sameValue(before.http, config.http)) this.#http.replace(this.#makeHttp(config))
    this.#lans.configure(config)
    for (const [i, own] of configsByOverlay(config).entries()) this.#networks[i]!.configure(own)
    await this.#refresh()
  }

  #makeHttp(config: Config): HttpServer {
    const view: View = {
      status: () => this.status(),
      leases: () => {
        return leasesOf(this.#store, this.#clients, this.#lans.all, { ipv4: this.#ipv4, slaac: this.#slaac })
      },
      sites: () =>
        this.#networks.flatMap(({ fastPath, config: own }) => sitesOf(fastPath, own.overlay.network, this.#clock)),
      ...prefixView(this.#prefixes, this.#networks),
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

/** A reload changes what is said of each network; with one alone it may be another. */
function sameNetworks(a: Config, b: Config): boolean {
  const networks = ({ overlays }: Config) => overlays.map(({ network }) => network)
  return a.overlays.length === b.overlays.length && (a.overlays.length === 1 || sameValue(networks(a), networks(b)))
}

/** The programs of all fast paths. */
function programsOf(fastPaths: readonly FastPath[]): ProgramSource {
  const find = (id: number) => fastPaths.map(each => each.find(id)).find(program => program !== undefined)
  return { direct: fastPaths[0]!.direct, find }
}
