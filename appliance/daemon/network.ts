/** One network that this router is in: its overlay, the router that follows it, and its fast path. */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Config, OverlayConfig } from '../config/schema.ts'
import type { Intent } from '../netlink/intent.ts'
import type { KernelState } from '../netlink/kernel.ts'
import { forwardRules } from '../netlink/netfilter.ts'
import type { LinkView, Overlay } from '../overlay/overlay.ts'
import { StaticOverlay } from '../overlay/static.ts'
import { ZerotierOverlay } from '../overlay/zerotier.ts'
import type { FastPath } from './fast-path.ts'
import type { LanShared } from './lan.ts'
import type { Lans } from './lans.ts'
import { linkViews } from './link-views.ts'
import { recall } from './memory.ts'
import type { Prefixes } from './prefixes.ts'
import { Router } from './router.ts'
import type { Slaac } from './slaac.ts'
import { Slot } from './slot.ts'

interface NetworkOptions {
  readonly config: Config // with this overlay and its LANs alone
  readonly memory: string // the file that says which site it was
  readonly fastPath: FastPath
  readonly prefixes: Prefixes // with names, of all networks
  readonly isFirst: boolean // of several networks
  readonly slaac: Slaac | undefined // of the first
  readonly intend: (intent: Intent | undefined) => Promise<void>
  /** The interfaces of the other overlays, which can't be LANs. */
  readonly otherOverlays: () => readonly string[]
  readonly lans: Lans
  readonly shared: Pick<LanShared, 'store' | 'clock' | 'log'>
}

export class Network {
  readonly overlay: Slot<Overlay>
  readonly router: Router
  readonly fastPath: FastPath
  readonly #clock: Clock
  readonly #log: Log
  readonly #memory: string
  #config: Config
  #links: readonly LinkView[] = []

  constructor(options: NetworkOptions) {
    const { config, fastPath, shared, memory } = options
    this.#config = config
    this.#clock = shared.clock
    this.#log = shared.log
    this.#memory = memory
    this.fastPath = fastPath
    this.overlay = new Slot(this.#makeOverlay(config.overlay))
    this.router = new Router({
      ...options,
      forwardRules: () => forwardRules(shared.log),
      report: () => this.overlay.content.report(),
      recalled: recall(memory),
    })
  }

  get config(): Config {
    return this.#config
  }

  /** Both know of it before anything is decided: a link that only one of them sees would lose what stands on it. */
  observe(state: KernelState): void {
    this.router.observe(state)
    this.#links = linkViews(state)
    this.overlay.content.update(this.#links)
    void this.router.refresh()
  }

  /** Applies a new configuration and asks the overlay at once; the caller calls the router's `refresh`. */
  configure(config: Config): void {
    const before = this.#config.overlay
    this.#config = config
    this.fastPath.retry()
    this.router.configure(config)
    if (sameValue(before, config.overlay)) {
      this.overlay.content.refresh()
      return
    }
    const overlay = this.#makeOverlay(config.overlay)
    overlay.update(this.#links)
    this.overlay.replace(overlay)
  }

  #makeOverlay(config: OverlayConfig): Overlay {
    const common = { clock: this.#clock, log: this.#log }
    const overlay =
      config.kind === 'static'
        ? new StaticOverlay({ ...config, ...common })
        : new ZerotierOverlay({ ...config, recalled: recall(this.#memory)?.site, ...common })
    overlay.onChange(() => void this.router.refresh())
    return overlay
  }
}

/** Whether two values of the configuration say the same. Its bigints have no JSON of their own. */
export function sameValue(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each))
  return text(a) === text(b)
}
