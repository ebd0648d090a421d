import { aborted, type Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type Site, siteOf } from '../plane/site.ts'
import type { NetworkId, NodeAddress } from '../plane/sixplane.ts'
import { judgeLink } from './judge.ts'
import type { LinkView, Overlay, OverlayReport } from './overlay.ts'
import { Watch } from './watch.ts'

/** An Ethernet that the operator looks after: who we are is configured, and only the interface can be amiss. */
export class StaticOverlay implements Overlay {
  readonly name = 'overlay'
  readonly #interface: string
  readonly #site: Site
  readonly #watch: Watch
  #links: readonly LinkView[] = []

  constructor(o: { network: NetworkId; node: NodeAddress; interface: string; clock: Clock; log: Log }) {
    this.#interface = o.interface
    this.#site = siteOf(o.network, o.node)
    this.#watch = new Watch(this.#judge(), o.clock, o.log)
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    ready()
    await aborted(signal)
  }

  report(): OverlayReport {
    return this.#watch.report
  }

  since(): number {
    return this.#watch.since
  }

  onChange(listener: (report: OverlayReport) => void): Disposable {
    return this.#watch.listen(listener)
  }

  refresh(): void {
    this.#watch.put(this.#judge())
  }

  update(links: readonly LinkView[]): void {
    this.#links = links
    this.refresh()
  }

  #judge(): OverlayReport {
    const { network, node, mac } = this.#site
    const known = { kind: 'static', network, node, interface: this.#interface, site: this.#site, notices: [] } as const
    const finding = judgeLink(this.#interface, mac, this.#links, "a static overlay's is yours to make")
    return finding ? { ...known, ...finding, carries: false } : { ...known, state: 'ok', carries: true }
  }
}
