import { type Binding, isLive } from './binding.ts'

const bin = 60_000 // milliseconds, our own: a day's leases are 1,440 bins, and one of them at most is looked through

/** How many leases of a LAN are live, without a look at each: they lie in bins by the minute in which they end. */
export class LiveCount {
  readonly #lans = new Map<number | undefined, Map<number, Set<Binding>>>()

  add(binding: Binding): void {
    if (binding.state !== 'bound') return
    const bins = this.#lans.get(binding.subnet) ?? new Map<number, Set<Binding>>()
    this.#lans.set(binding.subnet, bins)
    const held = bins.get(binOf(binding.validUntil)) ?? new Set()
    bins.set(binOf(binding.validUntil), held.add(binding))
  }

  delete(binding: Binding): void {
    const bins = this.#lans.get(binding.subnet)
    const held = bins?.get(binOf(binding.validUntil))
    held?.delete(binding)
    if (held?.size === 0) bins?.delete(binOf(binding.validUntil))
  }

  at(subnet: number | undefined, now: number): number {
    const bins = this.#lans.get(subnet)
    if (!bins) return 0
    let count = 0
    for (const [end, held] of bins) {
      if (end > binOf(now)) count += held.size
      else if (end === binOf(now)) for (const binding of held) count += isLive(binding, now) ? 1 : 0
      else if (end < binOf(now) - 1) bins.delete(end) // not the last one yet: the clock may be slewed back a little
    }
    return count
  }
}

const binOf = (instant: number): number => Math.floor(instant / bin)
