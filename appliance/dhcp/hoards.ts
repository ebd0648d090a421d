import { mix } from './hash-index.ts'

const buckets = 1 << 16 // two cards that share one cost a look, nothing else
const mostFound = 4096 // of one card in one look

interface Found {
  readonly slot: number
  readonly validUntil: number
}

/**
 * Cards that have more bindings than one host ever needs: a client that calls itself something else at each start, or a stranger
 * who fills the table. In a full table theirs are given up for other hosts. Whoever hides its MAC counts as one with all others
 * that do. Most cards have one binding, so only sums of many cards are kept; who it was is looked for when it matters.
 */
export class Hoards {
  readonly #most: number
  readonly #counts = new Uint32Array(buckets)
  readonly #hoarders = new Map<number, number>() // how many each has of those that were found
  #found: Found[] = [] // the oldest last
  #nothing = false // the last look found nobody, and nothing was added since that could change it

  /** `most` bindings of one card are no hoard. */
  constructor(most: number) {
    this.#most = most
  }

  add(card: number): void {
    if (++this.#counts[bucketOf(card)]! > this.#most) this.#nothing = false
    this.#count(card, 1)
  }

  delete(card: number): void {
    this.#counts[bucketOf(card)]!--
    this.#count(card, -1)
  }

  /** Whether a card may be a hoarder's: it is, or one that shares its bucket. */
  isHoard(card: number): boolean {
    return this.#counts[bucketOf(card)]! > this.#most
  }

  /**
   * The slot that a hoarder has not renewed for longest and `isOffered` lets through, or undefined. `oldest` gives all slots,
   * the first to end first, and is used only when the last look is used up.
   */
  oldest(
    table: { card(slot: number): number; validUntil(slot: number): number },
    oldest: () => Iterable<number>,
    isOffered: (slot: number) => boolean,
  ): number | undefined {
    const isHoarded = ({ slot, validUntil }: Found) =>
      table.validUntil(slot) === validUntil && (this.#hoarders.get(table.card(slot)) ?? 0) > this.#most
    for (let last = this.#found.at(-1); last && !isHoarded(last); last = this.#found.at(-1)) this.#found.pop()
    if (this.#found.length === 0 && !this.#nothing) this.#look(table, oldest())
    return this.#found.findLast(each => isHoarded(each) && isOffered(each.slot))?.slot
  }

  #look(table: { card(slot: number): number; validUntil(slot: number): number }, oldest: Iterable<number>): void {
    const byCard = new Map<number, { count: number; first: Found[] }>()
    for (const slot of oldest) {
      const card = table.card(slot)
      if (this.#counts[bucketOf(card)]! <= this.#most) continue
      const held = byCard.get(card) ?? { count: 0, first: [] }
      byCard.set(card, held)
      if (held.count++ < mostFound) held.first.push({ slot, validUntil: table.validUntil(slot) })
    }
    this.#hoarders.clear()
    for (const [card, { count, first }] of byCard) {
      if (count <= this.#most) continue
      this.#hoarders.set(card, count)
      for (const each of first.slice(0, count - this.#most)) this.#found.push(each)
    }
    this.#found.reverse()
    this.#nothing = this.#found.length === 0
  }

  #count(card: number, change: number): void {
    const known = this.#hoarders.get(card)
    if (known !== undefined) this.#hoarders.set(card, known + change)
  }
}

const bucketOf = (card: number): number => mix(card | 0, Math.floor(card / 2 ** 32)) & (buckets - 1)
