import type { Binding, BindingKey, Bindings, Change, Quarantine, Room } from './binding.ts'
import { Delegations } from './delegations.ts'
import type { Duid } from './duid.ts'
import { Ends } from './ends.ts'
import { HashIndex } from './hash-index.ts'
import { Hoards } from './hoards.ts'
import { Names } from './names.ts'
import { hashOfHost, hashOfKey, lanOf, Slots } from './slots.ts'

const mostBindings = 1 << 20 // over all LANs, our own: a stranger with a new DUID in every packet must not fill memory and disk
const mostOdd = 1 << 16 // of them, those that are objects: copied hosts, long DUIDs; prefixes have a bound of their own
const mostOfOne = 256 // our own: what one card may have and be no hoarder; a bridge of virtual machines has their MACs
export const mostQuarantined = 1024
const mostAtHand = 1024 // bindings that were read a moment ago
const mostLooks = 64 // at those that end in this minute: the first of them end first, about

/**
 * The bindings in memory: what the server decides by. Each has a slot, whose number is that of its row on disk. Changes can be
 * taken back until they are stored.
 */
export class Table implements Bindings {
  readonly #slots = new Slots()
  readonly #byKey = new HashIndex()
  readonly #byHost = new HashIndex()
  readonly #ends = new Ends()
  readonly #hoards: Hoards
  readonly #delegations = new Delegations()
  readonly #names = new Names(slot => this.#slots.end(slot).validUntil)
  readonly #quarantine = new Map<string, Quarantine>() // oldest first
  readonly #free: number[] = []
  readonly #most: number
  readonly #mostOdd: number
  /** What was read is the same object when it is read again in the same decision. */
  readonly #atHand = new Map<number, Binding>()
  #touched = new Set<number>()
  #high = 0
  #size = 0

  constructor(most = mostBindings, mostOfOneCard = mostOfOne, mostObjects = mostOdd) {
    this.#most = most
    this.#mostOdd = mostObjects
    this.#hoards = new Hoards(mostOfOneCard)
  }

  /** All of them, each read when its turn comes. */
  get bindings(): IterableIterator<Binding> {
    return this.#all()
  }

  get quarantined(): IterableIterator<Quarantine> {
    return this.#quarantine.values()
  }

  get size(): number {
    return this.#size
  }

  /** Bindings of copied hosts, live or not. */
  *copies(subnet: number | undefined): IterableIterator<Binding> {
    for (const binding of this.#slots.odd.values())
      if (binding.clone !== undefined && binding.subnet === subnet) yield binding
  }

  /** How many leases of a LAN are live. */
  live(subnet: number | undefined, now: number): number {
    return this.#ends.live(lanOf(subnet), now - this.#slots.shifted, slot => this.#slots.isLive(slot, now))
  }

  find(key: BindingKey): Binding | undefined {
    const slot = this.#find(key)
    return slot < 0 ? undefined : this.#read(slot)
  }

  holder(subnet: number | undefined, host: number): Binding | undefined {
    const slot = this.#byHost.find(hashOfHost(subnet, host), each => this.#slots.hasHost(each, subnet, host))
    return slot < 0 ? undefined : this.#read(slot)
  }

  delegatedIn(first: number, last: number): readonly Binding[] {
    return this.#delegations.overlapping(first, last)
  }

  delegations(): readonly Binding[] {
    return this.#delegations.all
  }

  named(name: string): readonly Binding[] {
    return this.#names.of(name).map(slot => this.#read(slot))
  }

  ofClient(duid: Duid): readonly Binding[] {
    return this.#slots.ofClient(duid, this.#high).map(slot => this.#slots.read(slot))
  }

  quarantineOf(subnet: number | undefined, host: number, now: number): Quarantine | undefined {
    if (this.#quarantine.size === 0) return undefined
    const entry = this.#quarantine.get(hostText(subnet, host))
    return entry && entry.until > now ? entry : undefined
  }

  room(now: number, added = 0, removed: ReadonlySet<Binding> = none, odd = false): Room {
    if (odd && this.#slots.odd.size + added >= this.#mostOdd) {
      const spare = this.#spareOdd(now, removed)
      return spare ? { kind: 'reclaim', binding: spare } : { kind: 'full' }
    }
    if (this.#size + added - removed.size < this.#most) return { kind: 'room' }
    const slot = this.#ended(now, removed) ?? this.#hoarded(removed)
    return slot === undefined ? { kind: 'full' } : { kind: 'reclaim', binding: this.#read(slot) }
  }

  /** Makes the changes and returns what takes them back, in the order in which it must be applied. */
  apply(changes: readonly Change[]): Change[] {
    if (this.#atHand.size > mostAtHand) this.#atHand.clear()
    const undo: Change[] = []
    for (const change of changes) undo.unshift(...this.#apply(change))
    return undo
  }

  /** Makes room for so many slots at once: what grows step by step is copied, and what it leaves behind is not all used again. */
  reserve(slots: number): void {
    this.#slots.reserve(slots)
    this.#ends.reserve(slots)
    this.#byKey.reserve(slots)
    this.#byHost.reserve(slots)
  }

  /** Puts a binding where it was when it was stored. */
  load(slot: number, binding: Binding): void {
    for (; this.#high <= slot; this.#high++) if (this.#high < slot) this.#free.push(this.#high)
    this.#put(slot, binding)
  }

  /** The slots that changed since the last call. */
  takeTouched(): ReadonlySet<number> {
    const touched = this.#touched
    this.#touched = new Set()
    return touched
  }

  /** What is in a slot. */
  at(slot: number): Binding | undefined {
    return this.#slots.isUsed(slot) ? this.#read(slot) : undefined
  }

  /** All slots that hold one. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#high; slot++) if (this.#slots.isUsed(slot)) yield slot
  }

  /** No slot has this number or a higher one. */
  get high(): number {
    return this.#high
  }

  /** The addresses that are leased, live or not, in the slots from `first` to before `end`. */
  leasedHosts(first: number, end: number, visit: (subnet: number | undefined, host: number) => void): void {
    for (let slot = first; slot < Math.min(end, this.#high); slot++) this.#slots.visitAddress(slot, visit)
  }

  /** Bindings that ended before `until`, at most so many. */
  endedBefore(until: number, most: number): Binding[] {
    const found: Binding[] = []
    for (const slot of this.#ends.upTo(until - this.#slots.shifted)) {
      if (found.length === most) break
      if (!this.#slots.isLive(slot, until)) found.push(this.#read(slot))
    }
    return found
  }

  /** Moves every instant by so many milliseconds: the wall clock was set. */
  shift(milliseconds: number): void {
    for (const binding of [...this.#delegations.all]) this.#delegations.delete(binding)
    this.#slots.shift(milliseconds)
    for (const binding of this.#slots.odd.values()) if (binding.delegated) this.#delegations.add(binding)
    this.#atHand.clear()
    for (const [host, entry] of this.#quarantine)
      this.#quarantine.set(host, {
        ...entry,
        registeredAt: entry.registeredAt && entry.registeredAt + milliseconds,
        until: entry.until + milliseconds,
      })
  }

  #apply(change: Change): Change[] {
    switch (change.kind) {
      case 'put': {
        const slot = this.#find(change.binding)
        const before = slot < 0 ? undefined : this.#read(slot)
        if (before) this.#delete(slot, before)
        const place = slot < 0 ? (this.#free.pop() ?? this.#high++) : slot
        this.#put(place, change.binding)
        this.#atHand.set(place, change.binding)
        this.#touched.add(place)
        return [before ? { kind: 'put', binding: before } : { kind: 'remove', binding: change.binding }]
      }
      case 'remove': {
        const slot = this.#find(change.binding)
        if (slot < 0) return []
        const before = this.#read(slot)
        this.#delete(slot, before)
        this.#free.push(slot)
        return [{ kind: 'put', binding: before }]
      }
      case 'quarantine': {
        const host = hostText(change.quarantine.subnet, change.quarantine.host)
        const before = this.#quarantine.get(host) ?? { ...change.quarantine, until: 0 }
        const oldest = this.#quarantine.keys().next().value
        if (this.#quarantine.size >= mostQuarantined && oldest !== undefined) this.#quarantine.delete(oldest)
        this.#quarantine.delete(host) // so that the newest stands last
        this.#quarantine.set(host, change.quarantine)
        return [{ kind: 'quarantine', quarantine: before }]
      }
      default:
        return change satisfies never
    }
  }

  #put(slot: number, binding: Binding): void {
    this.#slots.write(slot, binding)
    this.#size++
    this.#byKey.add(hashOfKey(binding), slot)
    if (binding.delegated) this.#delegations.add(binding)
    else this.#byHost.add(hashOfHost(binding.subnet, binding.host), slot)
    const hostname = this.#slots.hostname(slot)
    if (hostname !== undefined) this.#names.add(hostname, slot)
    this.#ends.add(slot, this.#slots.end(slot))
    this.#hoards.add(this.#slots.card(slot))
  }

  #delete(slot: number, binding: Binding): void {
    this.#byKey.delete(hashOfKey(binding), slot)
    if (binding.delegated) this.#delegations.delete(binding)
    else this.#byHost.delete(hashOfHost(binding.subnet, binding.host), slot)
    const hostname = this.#slots.hostname(slot)
    if (hostname !== undefined) this.#names.delete(hostname, slot)
    this.#ends.delete(slot, this.#slots.end(slot))
    this.#hoards.delete(this.#slots.card(slot))
    this.#slots.clear(slot)
    this.#atHand.delete(slot)
    this.#touched.add(slot)
    this.#size--
  }

  #find(key: BindingKey): number {
    return this.#byKey.find(hashOfKey(key), slot => this.#slots.hasKey(slot, key))
  }

  #read(slot: number): Binding {
    const known = this.#atHand.get(slot)
    if (known) return known
    const binding = this.#slots.read(slot)
    this.#atHand.set(slot, binding)
    return binding
  }

  /** One of those that ended first. */
  #ended(now: number, removed: ReadonlySet<Binding>): number | undefined {
    let looks = mostLooks
    for (const slot of this.#ends.upTo(now - this.#slots.shifted)) {
      if (!this.#slots.isLive(slot, now) && !(removed.size > 0 && removed.has(this.#read(slot)))) return slot
      if (--looks === 0) return undefined
    }
    return undefined
  }

  /** Of the odd ones, not a prefix, that were not renewed for longest: one that has ended or that a hoarder has. */
  #spareOdd(now: number, removed: ReadonlySet<Binding>): Binding | undefined {
    let looks = mostLooks
    for (const [slot, binding] of this.#slots.odd) {
      const isSpare = !this.#slots.isLive(slot, now) || this.#hoards.isHoard(this.#slots.card(slot))
      if (isSpare && binding.iaType !== 'pd' && !removed.has(binding)) return binding
      if (--looks === 0) return undefined
    }
    return undefined
  }

  #hoarded(removed: ReadonlySet<Binding>): number | undefined {
    const table = {
      card: (slot: number) => this.#slots.card(slot),
      validUntil: (slot: number) => (this.#slots.isUsed(slot) ? this.#slots.end(slot).validUntil : Number.NaN),
    }
    return this.#hoards.oldest(
      table,
      () => this.#ends.upTo(),
      slot => !removed.has(this.#read(slot)),
    )
  }

  *#all(): IterableIterator<Binding> {
    for (const slot of this.slots()) yield this.#slots.read(slot)
  }
}

const none: ReadonlySet<Binding> = new Set()
const hostText = (subnet: number | undefined, host: number): string => `${subnet ?? ''}/${host}`
