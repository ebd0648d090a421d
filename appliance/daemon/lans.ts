/** The LANs of this machine, each served for all networks that it is in. Whatever changes for one of them calls `refresh`. */
import type { Log } from '../base/log.ts'
import type { Config, LanConfig } from '../config/schema.ts'
import type { KernelState } from '../netlink/kernel.ts'
import { LanRunner, type LanShared } from './lan.ts'
import { type LanNetwork, type LanWorld, type ReadyLink, readiness } from './lan-world.ts'
import { behind } from './segments.ts'
import type { Told } from './told.ts'

const retryDelay = 2_000 // for a LAN whose sockets could not be opened

interface LansOptions {
  readonly config: Config
  readonly shared: LanShared
  /** What the networks of a LAN are to it, in its order. */
  readonly networks: (lan: LanConfig) => readonly LanNetwork[]
  readonly overlays: () => readonly string[]
  readonly autonomous: LanWorld['autonomous']
  readonly told: Told
}

export class Lans {
  readonly #options: LansOptions
  readonly #log: Log
  readonly #lans = new Map<string, LanRunner>() // by interface name
  #config: Config
  #kernel: KernelState | undefined
  #turn: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined // a pass that has not begun
  #retryTimer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: LansOptions) {
    this.#options = options
    this.#log = options.shared.log
    this.#config = options.config
  }

  get all(): readonly LanRunner[] {
    return [...this.#lans.values()]
  }

  /** The kernel was dumped. The caller calls `refresh`. */
  observe(state: KernelState): void {
    this.#kernel = state
  }

  configure(config: Config): void {
    this.#config = config
  }

  /** The link of a LAN, or the clause that says what it waits for. */
  ready(lan: LanConfig): ReadyLink | string {
    return readiness(lan.interface, this.#world(lan), this.#lans.get(lan.interface)?.services?.link.linkLocal)
  }

  /** What their DHCPv6 servers give away has changed. */
  rescope(): void {
    for (const lan of this.#lans.values()) lan.rescope()
  }

  /** Clients wait for their answers, and what comes before the rest of a LAN takes the kernel a while. */
  answerEarly(): Promise<void> {
    return this.#inTurn(async () => {
      for (const lan of this.#direct) {
        const runner = this.#runner(lan)
        if (!runner.services) await this.#follow(runner, lan)
      }
    })
  }

  /** Resolves when a pass that began after this call is done. */
  refresh(): Promise<void> {
    this.#next ??= this.#inTurn(async () => {
      this.#next = undefined // a refresh that comes from now on is not of this pass
      await this.#pass()
    })
    return this.#next
  }

  /** `final`: for good, hosts are told. Else a hand-over: nothing is said. */
  async stop(final: boolean): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#retryTimer)
    await this.#turn
    // Whatever one of them can't do: the others stop too, and the kernel is put back after this.
    const stops = await Promise.allSettled(this.all.map(lan => lan.stop(final)))
    for (const stop of stops)
      if (stop.status === 'rejected') this.#log.error({ err: stop.reason }, 'a LAN could not be stopped in order')
  }

  /** One after the other: a LAN's sockets can be had once. */
  #inTurn(body: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#stopped) return
      try {
        await body()
      } catch (error) {
        this.#log.error({ err: error }, 'could not bring the LANs in step with what changed')
      }
    })
    return this.#turn
  }

  async #pass(): Promise<void> {
    const direct = this.#direct
    const wanted = new Set(direct.map(lan => lan.interface))
    for (const [name, runner] of this.#lans) {
      if (wanted.has(name)) continue
      this.#lans.delete(name)
      await runner.stop(true) // taken out of the configuration: its hosts lose the /40
    }
    for (const lan of direct) {
      const runner = this.#runner(lan)
      await this.#follow(runner, lan)
      if (runner.failure !== undefined) this.#retryTimer ??= this.#retry()
    }
  }

  async #follow(runner: LanRunner, lan: LanConfig): Promise<void> {
    await runner.follow(lan, behind(this.#config, lan.interface), this.#world(lan))
    if (runner.told.length > 0) this.#options.told.tell(lan.interface, lan.networks, runner.told)
  }

  get #direct(): LanConfig[] {
    return this.#config.lan.filter(lan => lan.relay === undefined)
  }

  #runner(lan: LanConfig): LanRunner {
    const known = this.#lans.get(lan.interface)
    if (known) return known
    const runner = new LanRunner(lan, this.#options.shared)
    this.#lans.set(lan.interface, runner)
    return runner
  }

  #world(lan: LanConfig): LanWorld {
    const { networks, overlays, autonomous, told } = this.#options
    return {
      networks: networks(lan),
      gone: told.gone(lan.interface, lan.networks),
      links: this.#kernel?.links ?? [],
      overlays: overlays(),
      addresses: this.#kernel?.addresses ?? [],
      autonomous,
    }
  }

  #retry(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#retryTimer = undefined
      void this.refresh()
    }, retryDelay).unref()
  }
}
