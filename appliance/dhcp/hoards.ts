import type { Mac } from '../base/mac.ts'
import type { Binding } from './binding.ts'

/**
 * Cards that have more bindings than one host ever needs: a client that calls itself something else at each start, or a stranger
 * who fills the table. In a full table theirs are given up for other hosts. Whoever hides its MAC counts as one with all others
 * that do.
 */
export class Hoards {
  readonly #most: number
  readonly #byMac = new Map<Mac | undefined, Set<Binding>>() // oldest first
  readonly #hoarders = new Set<Mac | undefined>()

  /** `most` bindings of one card are no hoard. */
  constructor(most: number) {
    this.#most = most
  }

  add(binding: Binding): void {
    const held = this.#byMac.get(binding.mac) ?? new Set()
    this.#byMac.set(binding.mac, held.add(binding))
    if (held.size > this.#most) this.#hoarders.add(binding.mac)
  }

  delete(binding: Binding): void {
    const held = this.#byMac.get(binding.mac)
    if (!held?.delete(binding)) return
    if (held.size <= this.#most) this.#hoarders.delete(binding.mac)
    if (held.size === 0) this.#byMac.delete(binding.mac)
  }

  /** The one that a hoarder has not renewed for longest, but none of `removed`. */
  oldest(removed: ReadonlySet<Binding>): Binding | undefined {
    for (const mac of this.#hoarders) {
      for (const binding of this.#byMac.get(mac) ?? []) if (!removed.has(binding)) return binding
    }
    return undefined
  }
}
