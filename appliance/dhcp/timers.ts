/** Things to do later, which all stop with whoever wanted them. */
export class Timers {
  readonly #timers = new Set<NodeJS.Timeout>()

  after(milliseconds: number, body: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      body()
    }, milliseconds)
    timer.unref()
    this.#timers.add(timer)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
