import type { Binding } from './binding.ts'

/** The delegated prefixes of a site in the order of their addresses. No two of them share an address. */
export class Delegations {
  readonly #sorted: Binding[] = []

  get all(): readonly Binding[] {
    return this.#sorted
  }

  add(binding: Binding): void {
    this.#sorted.splice(this.#after(binding.host), 0, binding)
  }

  delete(binding: Binding): void {
    const at = this.#after(binding.host) - 1
    if (this.#sorted[at] === binding) this.#sorted.splice(at, 1)
  }

  /** Those that have an address from `first` to `last`, both included. */
  overlapping(first: number, last: number): Binding[] {
    const found: Binding[] = []
    for (let i = this.#after(last) - 1; i >= 0; i--) {
      const binding = this.#sorted[i]!
      if (lastOf(binding) < first) break
      found.push(binding)
    }
    return found
  }

  /** How many begin at `host` or before it. */
  #after(host: number): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sorted[middle]!.host <= host) low = middle + 1
      else high = middle
    }
    return low
  }
}

const lastOf = ({ host, delegated }: Binding): number => host + 2 ** (128 - (delegated?.length ?? 128)) - 1
