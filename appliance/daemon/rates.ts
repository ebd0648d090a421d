import type { TrafficCounts } from '../fastpath/sites.ts'

/** Between this site and the others, per second. */
export interface TrafficRates {
  readonly inPacketsPerSecond: number
  readonly inBytesPerSecond: number
  readonly outPacketsPerSecond: number
  readonly outBytesPerSecond: number
}

const shortest = 2_000 // milliseconds that a rate covers at least

/** Rates from counters that are looked at every now and then. */
export class Rates {
  #older: { readonly at: number; readonly counts: TrafficCounts } | undefined
  #newer: { readonly at: number; readonly counts: TrafficCounts } | undefined

  /** Over the time since the last look but one, which was two seconds ago or more. */
  at(monotonic: number, counts: TrafficCounts): TrafficRates {
    const sample = { at: monotonic, counts }
    // Counters that went back are those of new programs.
    if (this.#newer && counts['out.packets'] < this.#newer.counts['out.packets']) this.#newer = this.#older = undefined
    if (!this.#newer || monotonic - this.#newer.at >= shortest) {
      this.#older = this.#newer
      this.#newer = sample
    }
    const from = this.#older ?? this.#newer
    const seconds = (monotonic - from.at) / 1000
    const rate = (key: 'in.packets' | 'in.bytes' | 'out.packets' | 'out.bytes') =>
      seconds > 0 ? Math.round((counts[key] - from.counts[key]) / seconds) : 0
    return {
      inPacketsPerSecond: rate('in.packets'),
      inBytesPerSecond: rate('in.bytes'),
      outPacketsPerSecond: rate('out.packets'),
      outBytesPerSecond: rate('out.bytes'),
    }
  }
}
