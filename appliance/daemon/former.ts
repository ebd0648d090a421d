import type { Clock } from '../base/clock.ts'
import type { LanConfig } from '../config/schema.ts'
import { type Site, sameSite } from '../plane/site.ts'
import type { Former } from './memory.ts'

const longestWithdrawal = 5400 // seconds: RFC 9096 section 3.5

/**
 * The site that this router was before its node or its network changed, while hosts may still have addresses of then. Nothing of
 * other sites reaches those, since the overlay goes by the node's address; but the hosts of this site reach each other.
 */
export class FormerSite {
  readonly #clock: Clock
  readonly #wake: () => void
  #timer: NodeJS.Timeout | undefined
  #former: Former | undefined

  /** `wake` is called when it ends. */
  constructor(clock: Clock, wake: () => void, recalled?: Former) {
    this.#clock = clock
    this.#wake = wake
    this.#former = recalled
  }

  get memory(): Former | undefined {
    return this.#former
  }

  /** It is what we are no longer. When T2 has passed each host has renewed or rebound, and has heard. */
  begin(site: Site, lans: readonly LanConfig[]): void {
    const t2s = lans.flatMap(({ dhcpv6 }) => (dhcpv6 === 'off' ? [] : dhcpv6.lifetimes.t2))
    const seconds = t2s.length < lans.length ? longestWithdrawal : Math.min(longestWithdrawal, Math.max(0, ...t2s))
    this.#former = { site, until: this.#clock.now() + seconds * 1000 }
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** What hosts are told to forget, now that we are `site`. */
  withdrawn(site: Site | undefined): Site | undefined {
    const left = (this.#former?.until ?? 0) - this.#clock.now()
    if (!this.#former || left <= 0 || sameSite(this.#former.site, site)) return undefined
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#wake()
    }, left + 1).unref()
    return this.#former.site
  }

  /** What hosts reach each other by besides. An address of another network is no business of ours any more. */
  routed(site: Site | undefined): Site | undefined {
    const former = this.withdrawn(site)
    return former?.network === site?.network ? former : undefined
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
