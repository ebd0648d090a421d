/** What waits, by who sent it. */
interface Waiting<T> {
  readonly items: T[]
  next: number
}

const keptTaken = 32

/**
 * A bounded queue that serves its sources in turn, one item each: whoever sends a flood waits behind itself. Where it is full, the
 * one with most in it loses its last.
 */
export class FairQueue<Source, T> {
  readonly #most: number
  readonly #sources = new Map<Source, Waiting<T>>() // in the order of their turns
  #longest: Source | undefined
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  /** Returns what had to go instead: the item itself, or one of another source. */
  push(source: Source, item: T): T | undefined {
    const known = this.#sources.get(source)
    let lost: T | undefined
    if (this.#size >= this.#most) {
      const fair = this.#most / (this.#sources.size + (known ? 0 : 1))
      if (known && length(known) >= fair) return item
      const longest = this.#above(fair)
      if (!longest) return item
      lost = longest.items.pop()
      this.#size--
    }
    const waiting = known ?? { items: [], next: 0 }
    if (!known) this.#sources.set(source, waiting)
    waiting.items.push(item)
    this.#size++
    const longest = this.#longest === undefined ? undefined : this.#sources.get(this.#longest)
    if (!longest || length(waiting) > length(longest)) this.#longest = source
    return lost
  }

  /** A source that has more than its share. Whichever was the longest may have lost some since: then another one is, if any has two. */
  #above(fair: number): Waiting<T> | undefined {
    const last = this.#longest === undefined ? undefined : this.#sources.get(this.#longest)
    if (last && length(last) > fair) return last
    if (this.#sources.size >= this.#most) return undefined
    let most = fair
    for (const [source, waiting] of this.#sources) {
      if (length(waiting) <= most) continue
      most = length(waiting)
      this.#longest = source
    }
    const longest = this.#longest === undefined ? undefined : this.#sources.get(this.#longest)
    return longest && length(longest) > fair ? longest : undefined
  }

  /** The next ones, at most so many. */
  take(most: number): T[] {
    const taken: T[] = []
    while (taken.length < most && this.#size > 0) {
      for (const [source, waiting] of this.#sources) {
        taken.push(nextOf(waiting))
        this.#size--
        this.#sources.delete(source)
        if (length(waiting) > 0) this.#sources.set(source, waiting) // its next turn comes after all others'
        if (taken.length === most || this.#size === 0) break
      }
    }
    return taken
  }
}

/** What was taken is let go now and then: a source that always has more waiting would keep all that it ever sent. */
function nextOf<T>(waiting: Waiting<T>): T {
  const item = waiting.items[waiting.next++]!
  if (waiting.next < keptTaken || waiting.next < length(waiting)) return item
  waiting.items.splice(0, waiting.next)
  waiting.next = 0
  return item
}

const length = (waiting: Waiting<unknown>): number => waiting.items.length - waiting.next
