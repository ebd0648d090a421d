/** Which slots hold a host of a name. Nearly every name has one. */
export class Names {
  readonly #slots = new Map<string, number | number[]>()

  add(name: string, slot: number): void {
    const held = this.#slots.get(name)
    if (held === undefined) this.#slots.set(name, slot)
    else this.#slots.set(name, typeof held === 'number' ? [held, slot] : [...held, slot])
  }

  delete(name: string, slot: number): void {
    const left = this.of(name).filter(each => each !== slot)
    if (left.length === 0) this.#slots.delete(name)
    else this.#slots.set(name, left.length === 1 ? left[0]! : left)
  }

  of(name: string): readonly number[] {
    const held = this.#slots.get(name)
    if (held === undefined) return []
    return typeof held === 'number' ? [held] : held
  }
}
