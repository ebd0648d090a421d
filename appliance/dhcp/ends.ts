import { int32s } from './column.ts'

const bin = 60_000 // milliseconds, our own: a day's leases are 1,440 bins, and one of them at most is looked through

/** The slots that end in one minute, in the order in which they were added. */
interface Bin {
  first: number
  last: number
  bound: number
}

/** When a binding ends, and whether it is live until then. */
export interface End {
  readonly lan: number
  readonly validUntil: number
  readonly bound: boolean
}

/** The slots of all bindings by the minute in which they end, as lists through two columns: who ended first, and how many live. */
export class Ends {
  readonly #lans = new Map<number, Map<number, Bin>>()
  readonly #next = int32s()
  readonly #previous = int32s()

  reserve(slots: number): void {
    this.#next.reserve(slots)
    this.#previous.reserve(slots)
  }

  add(slot: number, { lan, validUntil, bound }: End): void {
    const bins = this.#lans.get(lan) ?? new Map<number, Bin>()
    this.#lans.set(lan, bins)
    const held = bins.get(binOf(validUntil)) ?? { first: none, last: none, bound: 0 }
    bins.set(binOf(validUntil), held)
    this.#next.set(slot, none)
    this.#previous.set(slot, held.last)
    if (held.last === none) held.first = slot
    else this.#next.set(held.last, slot)
    held.last = slot
    if (bound) held.bound++
  }

  delete(slot: number, { lan, validUntil, bound }: End): void {
    const bins = this.#lans.get(lan)!
    const held = bins.get(binOf(validUntil))!
    const [next, previous] = [this.#next.get(slot), this.#previous.get(slot)]
    if (previous === none) held.first = next
    else this.#next.set(previous, next)
    if (next === none) held.last = previous
    else this.#previous.set(next, previous)
    if (bound) held.bound--
    if (held.first === none) bins.delete(binOf(validUntil))
  }

  /** How many of a LAN are live; `isLive` is asked about those that end in this minute. */
  live(lan: number, now: number, isLive: (slot: number) => boolean): number {
    let count = 0
    for (const [end, held] of this.#lans.get(lan) ?? []) {
      if (end > binOf(now)) count += held.bound
      else if (end === binOf(now)) for (const slot of this.#slots(held)) count += isLive(slot) ? 1 : 0
    }
    return count
  }

  /** All slots that end no later than the minute of `until`, minute by minute, the first to end first. */
  *upTo(until = Number.POSITIVE_INFINITY): Generator<number> {
    const bins: [number, Bin][] = []
    for (const each of this.#lans.values())
      for (const [end, held] of each) if (end <= binOf(until)) bins.push([end, held])
    for (const [, held] of bins.sort(([a], [b]) => a - b)) yield* this.#slots(held)
  }

  *#slots({ first }: Bin): Generator<number> {
    for (let slot = first; slot !== none; ) {
      const next = this.#next.get(slot) // the slot may be deleted meanwhile
      yield slot
      slot = next
    }
  }
}

const none = -1
const binOf = (instant: number): number => Math.floor(instant / bin)
