/** When which client is asked to renew, and asked again. Pure: it is told the time, in milliseconds of the monotonic clock. */

const firstWait = 2_000 // REC_TIMEOUT, RFC 9915 section 7.6
const mostTries = 8 // REC_MAX_RC, RFC 9915 section 7.6
const perTurn = 5 // our own: with `gap` 50 a second, so that all of a LAN's hosts together are no load
const gap = 100

interface Asked {
  readonly tries: number
  readonly at: number // when it is due again
}

/** A client by a text of the caller's, and whether this is the last time that it is asked. */
export interface Due {
  readonly key: string
  readonly last: boolean
}

export class ReconfigureSchedule {
  readonly #fresh = new Set<string>() // not asked yet
  readonly #asked = new Map<string, Asked>()
  #notBefore = 0

  /** Who shall be asked, from the beginning where that is being done already. */
  add(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#asked.delete(key)
      this.#fresh.add(key)
    }
  }

  /** The client has spoken, or is gone: whether it was being asked. */
  delete(key: string): boolean {
    const waiting = this.#fresh.delete(key)
    return this.#asked.delete(key) || waiting
  }

  /** Who is to be asked now, a few at a time. A client that has not answered the last time is let be. */
  due(now: number): Due[] {
    if (now < this.#notBefore) return []
    const due: Due[] = []
    for (const [key, { tries, at }] of this.#asked) {
      if (at > now) continue
      if (due.length === perTurn) break
      due.push(this.#ask(key, tries + 1, now))
    }
    for (const key of this.#fresh) {
      if (due.length === perTurn) break
      this.#fresh.delete(key)
      due.push(this.#ask(key, 1, now))
    }
    if (due.length > 0) this.#notBefore = now + gap
    return due
  }

  /** When `due` has something again. */
  get wakeAt(): number {
    if (this.#fresh.size > 0) return this.#notBefore
    let least = Number.POSITIVE_INFINITY
    for (const { at } of this.#asked.values()) least = Math.min(least, at)
    return Math.max(least, this.#notBefore)
  }

  #ask(key: string, tries: number, now: number): Due {
    if (tries < mostTries) this.#asked.set(key, { tries, at: now + firstWait * 2 ** (tries - 1) })
    else this.#asked.delete(key)
    return { key, last: tries === mostTries }
  }
}
