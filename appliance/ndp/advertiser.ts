/**
 * When to advertise: a few times quickly when there is news, then now and then, and soon after a solicitation. Pure: it is told
 * the time in milliseconds of a monotonic clock, and says whom to advertise to and when to be asked again.
 */
import { allNodes, type Ip6, isLinkLocal } from '../base/ip6.ts'

// RFC 4861 section 10, in milliseconds.
const maxInitialInterval = 16_000 // MAX_INITIAL_RTR_ADVERT_INTERVAL
const maxInitial = 3 // MAX_INITIAL_RTR_ADVERTISEMENTS
const minDelayBetween = 3_000 // MIN_DELAY_BETWEEN_RAS
const maxDelay = 500 // MAX_RA_DELAY_TIME

// Our own: more solicitors than this within half a second are answered by one multicast advertisement, so that a flood of
// solicitations makes neither a table nor more than 64 packets a second.
const mostPending = 32

/** Seconds between unsolicited multicast advertisements. */
export interface Interval {
  readonly min: number
  readonly max: number
}

export class Advertiser {
  #interval: Interval
  readonly #random: () => number
  #quick = 0 // advertisements still to be sent at the pace of the start
  #lastMulticast = Number.NEGATIVE_INFINITY
  #nextMulticast = Number.POSITIVE_INFINITY
  #crowded = false // too many solicitors: the multicast that is coming answers them all
  readonly #pending = new Map<Ip6, number>()

  /** `random` gives numbers from 0 to below 1. Nothing is sent before the first `announce`. */
  constructor(interval: Interval, random: () => number) {
    this.#interval = interval
    this.#random = random
  }

  /** There is news, or we have just started: say it at once, and twice more soon. RFC 4861 section 6.2.4. */
  announce(now: number): void {
    this.#quick = maxInitial
    this.#multicastBy(now, now)
  }

  /** Nothing is sent any more before the next `announce`. */
  silence(): void {
    this.#quick = 0
    this.#nextMulticast = Number.POSITIVE_INFINITY
    this.#crowded = false
    this.#pending.clear()
  }

  /** A new interval counts from now on. */
  pace(interval: Interval, now: number): void {
    if (interval.min === this.#interval.min && interval.max === this.#interval.max) return
    this.#interval = interval
    this.#nextMulticast = Math.min(this.#nextMulticast, now + this.#draw())
  }

  /**
   * A valid solicitation came from `source`. One without a source, or from an address that need not be on this link, is answered
   * to all nodes. RFC 4861 section 6.2.6.
   */
  solicited(source: Ip6, now: number): void {
    const due = now + this.#random() * maxDelay
    // What is to be multicast sooner answers this one too; so does the one that answers the crowd.
    if (this.#crowded || this.#nextMulticast <= due || this.#pending.has(source)) return
    if (isLinkLocal(source)) {
      if (this.#pending.size < mostPending) {
        this.#pending.set(source, due)
        return
      }
      this.#crowded = true
      this.#pending.clear()
    }
    this.#multicastBy(due, now)
  }

  /** The destinations to advertise to now: allNodes, solicitors, or nothing. */
  due(now: number): readonly Ip6[] {
    if (this.#nextMulticast <= now) {
      this.#pending.clear() // they hear the multicast one
      this.#crowded = false
      if (this.#quick > 0) this.#quick--
      this.#lastMulticast = now
      this.#nextMulticast = now + this.#draw()
      return [allNodes]
    }
    const ready = [...this.#pending].filter(([, due]) => due <= now).map(([source]) => source)
    for (const source of ready) this.#pending.delete(source)
    return ready
  }

  /** When `due` has something to say; Infinity before the first `announce`. */
  get wakeAt(): number {
    return Math.min(this.#nextMulticast, ...this.#pending.values())
  }

  /** A multicast one at `wanted` or before, but never within 3 s of the last. */
  #multicastBy(wanted: number, now: number): void {
    const earliest = this.#lastMulticast + minDelayBetween
    const at = earliest <= now ? wanted : earliest + (wanted - now)
    this.#nextMulticast = Math.min(this.#nextMulticast, at)
  }

  /** Milliseconds to the next unsolicited one, drawn uniformly. RFC 4861 section 6.2.4. */
  #draw(): number {
    const { min, max } = this.#interval
    const drawn = (min + this.#random() * (max - min)) * 1000
    return this.#quick > 0 ? Math.min(drawn, maxInitialInterval) : drawn
  }
}
