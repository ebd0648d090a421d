import type { Converger } from '../netlink/converge.ts'
import type { Intent } from '../netlink/intent.ts'

/** What the routers of all overlays want of the kernel, as one. */
export class Intents {
  readonly #converger: Pick<Converger, 'setIntent'>
  readonly #count: number
  readonly #all = new Map<number, Intent | undefined>()
  readonly #complete = Promise.withResolvers<void>()
  #begun = false

  /** `count`: how many routers there are. */
  constructor(converger: Pick<Converger, 'setIntent'>, count: number) {
    this.#converger = converger
    this.#count = count
  }

  /**
   * Resolves as the converger's does. Undefined: who we are there is not known yet. Nothing is changed until each router has said
   * something: what an earlier run left of one would go while it is not this one's turn, and packets with it.
   */
  async set(which: number, intent: Intent | undefined): Promise<void> {
    if (intent || !this.#all.has(which)) this.#all.set(which, intent && which > 0 ? { ...intent, slot: which } : intent)
    if (this.#all.size < this.#count) return intent && this.#complete.promise
    const [first, ...beside] = [...this.#all.values()].filter(each => each !== undefined)
    if (first && (intent || !this.#begun)) {
      this.#begun = true
      await this.#converger.setIntent(beside.length > 0 ? { ...first, beside } : first)
    }
    this.#complete.resolve()
  }
}
