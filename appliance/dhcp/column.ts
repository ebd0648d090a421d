type Numbers = Uint8Array | Int16Array | Uint32Array | Int32Array | Float64Array

/** Numbers by slot, in an array that grows. A slot that was never set reads as 0. */
export class Column<A extends Numbers> {
  #values: A
  readonly #make: (length: number) => A
  readonly #width: number

  /** `width`: numbers in a slot. */
  constructor(make: (length: number) => A, width = 1) {
    this.#make = make
    this.#width = width
    this.#values = make(64 * width)
  }

  get(slot: number): number {
    return this.#values[slot] ?? 0
  }

  set(slot: number, value: number): void {
    if (slot >= this.#values.length) this.#grow(slot)
    this.#values[slot] = value
  }

  /** The numbers of a slot that has more than one; valid until the next call. */
  at(slot: number): A {
    const start = slot * this.#width
    if (start + this.#width > this.#values.length) this.#grow(start + this.#width)
    return this.#values.subarray(start, start + this.#width) as A
  }

  /** Copies the first `length` of these into a slot that has more than one. */
  write(slot: number, numbers: A, length: number): void {
    const start = slot * this.#width
    if (start + this.#width > this.#values.length) this.#grow(start + this.#width)
    for (let i = 0; i < length; i++) this.#values[start + i] = numbers[i]!
  }

  /** Makes room for so many slots. */
  reserve(slots: number): void {
    if (slots * this.#width > this.#values.length) this.#resize(slots * this.#width)
  }

  #grow(needed: number): void {
    this.#resize(Math.max(needed + 1, this.#values.length * 2))
  }

  #resize(length: number): void {
    const wider = this.#make(length)
    wider.set(this.#values)
    this.#values = wider
  }
}

export const octets = (width: number) => new Column(length => new Uint8Array(length), width)
export const int32s = () => new Column(length => new Int32Array(length))
export const uint32s = () => new Column(length => new Uint32Array(length))
export const float64s = () => new Column(length => new Float64Array(length))
