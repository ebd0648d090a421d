import { randomBytes } from 'node:crypto'

/**
 * Finds slots by the hash of what they hold, in eight octets a place: open addressing with linear probing. Whoever asks compares
 * what a slot holds, for hashes may be equal.
 */
export class HashIndex {
  #slots: Int32Array // -1 where a place is empty
  #hashes: Int32Array
  #mask: number
  #size = 0

  constructor(places = 64) {
    this.#slots = new Int32Array(places).fill(empty)
    this.#hashes = new Int32Array(places)
    this.#mask = places - 1
  }

  /** The slot with this hash that `isIt` accepts, or -1. */
  find(hash: number, isIt: (slot: number) => boolean): number {
    for (let at = hash & this.#mask; ; at = (at + 1) & this.#mask) {
      const slot = this.#slots[at]!
      if (slot === empty) return empty
      if (this.#hashes[at] === hash && isIt(slot)) return slot
    }
  }

  /** The hash is a 32-bit integer with a sign, as bit operations give it. */
  add(hash: number, slot: number): void {
    if (this.#size * 3 >= this.#slots.length * 2) this.#grow()
    this.#size++
    this.#place(hash, slot)
  }

  delete(hash: number, slot: number): void {
    let hole = hash & this.#mask
    while (this.#slots[hole] !== slot) {
      if (this.#slots[hole] === empty) return
      hole = (hole + 1) & this.#mask
    }
    this.#size--
    // What stands behind moves up, unless it would then stand before its own place.
    for (let at = (hole + 1) & this.#mask; this.#slots[at] !== empty; at = (at + 1) & this.#mask) {
      const home = this.#hashes[at]! & this.#mask
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue
      this.#slots[hole] = this.#slots[at]!
      this.#hashes[hole] = this.#hashes[at]!
      hole = at
    }
    this.#slots[hole] = empty
  }

  /** Makes places for so many. */
  reserve(count: number): void {
    while (count * 3 >= this.#slots.length * 2) this.#grow()
  }

  #place(hash: number, slot: number): void {
    let at = hash & this.#mask
    while (this.#slots[at] !== empty) at = (at + 1) & this.#mask
    this.#slots[at] = slot
    this.#hashes[at] = hash
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes]
    this.#slots = new Int32Array(slots.length * 2).fill(empty)
    this.#hashes = new Int32Array(slots.length * 2)
    this.#mask = this.#slots.length - 1
    for (let at = 0; at < slots.length; at++) if (slots[at] !== empty) this.#place(hashes[at]!, slots[at]!)
  }
}

const empty = -1

/** Of this process alone: a stranger chooses DUIDs and addresses, and must not choose them so that all have one hash. */
const seed = randomBytes(4).readInt32LE()

/** Mixes a 32-bit number into a hash (the finalizer of MurmurHash3). */
export function mix(hash: number, value: number): number {
  let h = hash ^ value ^ seed
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
