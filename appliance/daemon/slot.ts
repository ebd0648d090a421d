import type { Part } from '../base/part.ts'

/** A part whose content can be exchanged while it runs: the overlay or the API after a reload. */
export class Slot<T extends Part> implements Part {
  readonly name: string
  #content: T
  #inner = new AbortController()

  constructor(content: T) {
    this.name = content.name
    this.#content = content
  }

  get content(): T {
    return this.#content
  }

  /** The running one is stopped, and the new one runs in its place. */
  replace(content: T): void {
    this.#content = content
    this.#inner.abort()
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    while (!signal.aborted) {
      const content = this.#content
      this.#inner = new AbortController()
      await content.run(AbortSignal.any([signal, this.#inner.signal]), ready)
      // Ended by itself: the supervisor decides.
      if (!signal.aborted && content === this.#content) return
    }
  }
}
