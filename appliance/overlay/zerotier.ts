import { type Clock, sleep } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Site } from '../plane/site.ts'
import type { NetworkId } from '../plane/sixplane.ts'
import { judge, type Visit } from './judge.ts'
import { visit } from './local-api.ts'
import type { LinkView, Overlay, OverlayReport } from './overlay.ts'
import { Watch } from './watch.ts'

/** Milliseconds between two visits to the local API, while waiting and when all is well. */
export interface Pace {
  readonly waiting: number
  readonly settled: number
}
const usualPace: Pace = { waiting: 2_000, settled: 15_000 }

export interface ZerotierOptions {
  readonly home: string // of the ZeroTier service: its port number and its token
  readonly network: NetworkId
  readonly recalled?: Site | undefined // who this node was before this start
  readonly clock: Clock
  readonly log: Log
  readonly pace?: Pace
}

const notAsked: Visit = { kind: 'no-service', reason: 'ZeroTier has not been asked yet' }

/** A network of the ZeroTier service on this machine, as its local API tells it. */
export class ZerotierOverlay extends Watch implements Overlay {
  readonly name = 'overlay'
  readonly #home: string
  readonly #network: NetworkId
  readonly #pace: Pace
  #visit: Visit = notAsked
  #links: readonly LinkView[] | undefined
  #known: Site | undefined // who this node was when it was last told
  #wake = new AbortController() // ends the pause between two visits

  constructor({ home, network, recalled, clock, log, pace = usualPace }: ZerotierOptions) {
    const known = recalled?.network === network ? recalled : undefined
    super(judge(network, notAsked, undefined, known), clock, log)
    this.#home = home
    this.#network = network
    this.#pace = pace
    this.#known = known
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const stop = () => this.#wake.abort()
    signal.addEventListener('abort', stop)
    try {
      while (!signal.aborted) {
        this.#wake = new AbortController() // before the visit: a refresh during it asks once more
        const found = await visit(this.#home, this.#network, signal)
        if (signal.aborted) break
        this.#visit = found
        const report = this.#judge()
        if (found.kind === 'answered') this.#known = report.site
        this.put(report)
        ready()
        await sleep(this.report().state === 'ok' ? this.#pace.settled : this.#pace.waiting, this.#wake.signal)
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  refresh(): void {
    this.#wake.abort()
  }

  update(links: readonly LinkView[]): void {
    const before = this.#own()
    this.#links = links
    this.put(this.#judge())
    // Where its link came, went or was made anew, the service has news too; other links' events are none of its business.
    if (this.#own() !== before) this.refresh()
  }

  /** The overlay's link, as far as a change of it is news of the service. */
  #own(): string {
    const { interface: name, site } = this.report()
    const link = this.#links?.find(each => each.name === name || each.mac === site?.mac)
    return link ? [link.index, link.name, link.mac, link.up, link.carrier].join(' ') : ''
  }

  #judge(): OverlayReport {
    return judge(this.#network, this.#visit, this.#links, this.#known)
  }
}
