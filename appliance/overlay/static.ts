import { aborted, type Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type Site, siteOf } from '../plane/site.ts'
import type { NetworkId, NodeAddress } from '../plane/sixplane.ts'
import { judgeLink } from './judge.ts'
import type { LinkView, Overlay, OverlayReport } from './overlay.ts'
import { Watch } from './watch.ts'

/** An Ethernet that the operator looks after: who we are is configured, and only the interface can be amiss. */
export class StaticOverlay extends Watch implements Overlay {
  readonly name = 'overlay'
  readonly #interface: string
  readonly #site: Site
  #links: readonly LinkView[] = []

  constructor(o: { network: NetworkId; node: NodeAddress; interface: string; clock: Clock; log: Log }) {
    const site = siteOf(o.network, o.node)
    super(judge(site, o.interface, []), o.clock, o.log)
    this.#interface = o.interface
    this.#site = site
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    ready()
    await aborted(signal)
  }

  refresh(): void {
    this.put(judge(this.#site, this.#interface, this.#links))
  }

  update(links: readonly LinkView[]): void {
    this.#links = links
    this.refresh()
  }
}

function judge(site: Site, name: string, links: readonly LinkView[]): OverlayReport {
  const { network, node, mac } = site
  const known = { kind: 'static', network, node, interface: name, site, notices: [] } as const
  const finding = judgeLink(name, mac, links, "a static overlay's is yours to make")
  return finding ? { ...known, ...finding, carries: false } : { ...known, state: 'ok', carries: true }
}
