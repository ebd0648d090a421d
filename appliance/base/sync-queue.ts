/**
 * What is written and waits for the disk. While one sync is under way the next ones gather: they share the one after it, since only
 * a sync that begins after a write covers it.
 */
export class SyncQueue<T> {
  readonly #sync: (done: (error: Error | undefined) => void) => void
  readonly #settle: (items: readonly T[], error: Error | undefined) => void
  #syncing: T[] | undefined
  #waiting: T[] = []

  /** `settle` hears of items in the order in which they came; with an error it hears of all that came, and none of it is on disk. */
  constructor(
    sync: (done: (error: Error | undefined) => void) => void,
    settle: (items: readonly T[], error: Error | undefined) => void,
  ) {
    this.#sync = sync
    this.#settle = settle
  }

  push(item: T): void {
    this.#waiting.push(item)
    if (!this.#syncing) this.#start()
  }

  #start(): void {
    this.#syncing = this.#waiting
    this.#waiting = []
    this.#sync(error => {
      const items = this.#syncing ?? []
      this.#syncing = undefined
      if (error) items.push(...this.#waiting.splice(0))
      this.#settle(items, error)
      if (this.#waiting.length > 0 && !this.#syncing) this.#start()
    })
  }
}
