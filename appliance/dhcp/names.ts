const most = 64 // of one name, our own: a host may ask for any number of addresses, and all of them have its name

/** Which slots hold a host of a name. Nearly every name has one; of very many those are kept that end last. */
export class Names {
  readonly #slots = new Map<string, number | number[]>()
  readonly #end: (slot: number) => number

  /** `end` says when what a slot holds ends. */
  constructor(end: (slot: number) => number) {
    this.#end = end
  }

  add(name: string, slot: number): void {
    const held = this.#slots.get(name)
    if (held === undefined) {
      this.#slots.set(name, slot)
      return
    }
    const all = typeof held === 'number' ? [held, slot] : [...held, slot]
    if (all.length > most) all.splice(this.#firstToEnd(all), 1)
    this.#slots.set(name, all)
  }

  delete(name: string, slot: number): void {
    const held = this.of(name)
    const left = held.filter(each => each !== slot)
    if (left.length === held.length) return
    if (left.length === 0) this.#slots.delete(name)
    else this.#slots.set(name, left.length === 1 ? left[0]! : left)
  }

  of(name: string): readonly number[] {
    const held = this.#slots.get(name)
    if (held === undefined) return []
    return typeof held === 'number' ? [held] : held
  }

  #firstToEnd(slots: readonly number[]): number {
    let first = 0
    for (const [i, slot] of slots.entries()) if (this.#end(slot) < this.#end(slots[first]!)) first = i
    return first
  }
}
