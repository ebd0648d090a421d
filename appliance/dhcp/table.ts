import type { Binding, BindingKey, Bindings, Change, Quarantine, Room } from './binding.ts'
import { isLive, keyText } from './binding.ts'
import { Delegations } from './delegations.ts'
import { Hoards } from './hoards.ts'
import { LiveCount } from './live-count.ts'

const mostBindings = 65_536 // over all LANs, our own: a stranger with a new DUID in every packet must not fill memory and disk
const mostOfOne = 256 // our own: what one card may have and be no hoarder; a bridge of virtual machines has their MACs
export const mostQuarantined = 1024

/** The bindings in memory: what the server decides by. Changes can be taken back until they are stored. */
export class Table implements Bindings {
  readonly #byKey = new Map<string, Binding>()
  readonly #byHost = new Map<string, Binding>()
  readonly #quarantine = new Map<string, Quarantine>() // oldest first
  readonly #copies = new Set<Binding>()
  readonly #delegations = new Delegations()
  readonly #live = new LiveCount()
  readonly #hoards: Hoards
  readonly #most: number
  #spare: Binding[] = [] // no longer live when they were looked for, the one gone longest last
  #fullUntil = 0

  constructor(most = mostBindings, mostOfOneCard = mostOfOne) {
    this.#most = most
    this.#hoards = new Hoards(mostOfOneCard)
  }

  get bindings(): IterableIterator<Binding> {
    return this.#byKey.values()
  }

  get quarantined(): IterableIterator<Quarantine> {
    return this.#quarantine.values()
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Bindings of copied hosts, live or not. */
  *copies(subnet: number | undefined): IterableIterator<Binding> {
    for (const binding of this.#copies) if (binding.subnet === subnet) yield binding
  }

  /** How many leases of a LAN are live. */
  live(subnet: number | undefined, now: number): number {
    return this.#live.at(subnet, now)
  }

  find(key: BindingKey): Binding | undefined {
    return this.#byKey.get(keyText(key))
  }

  holder(subnet: number | undefined, host: number): Binding | undefined {
    return this.#byHost.get(hostText(subnet, host))
  }

  delegatedIn(first: number, last: number): readonly Binding[] {
    return this.#delegations.overlapping(first, last)
  }

  delegations(): readonly Binding[] {
    return this.#delegations.all
  }

  isQuarantined(subnet: number | undefined, host: number, now: number): boolean {
    return (this.#quarantine.get(hostText(subnet, host))?.until ?? 0) > now
  }

  room(now: number, added = 0, removed: ReadonlySet<Binding> = none): Room {
    if (this.#byKey.size + added - removed.size < this.#most) return { kind: 'room' }
    const spare = now < this.#fullUntil ? undefined : this.#nextSpare(now, removed)
    const binding = spare ?? this.#hoards.oldest(removed)
    return binding ? { kind: 'reclaim', binding } : { kind: 'full' }
  }

  /** Makes the changes and returns what takes them back, in the order in which it must be applied. */
  apply(changes: readonly Change[]): Change[] {
    const undo: Change[] = []
    for (const change of changes) undo.unshift(...this.#apply(change))
    return undo
  }

  /** Moves every instant by so many milliseconds: the wall clock was set. */
  shift(milliseconds: number): void {
    const moved = [...this.#byKey.values()].map(binding => ({
      ...binding,
      grantedAt: binding.grantedAt + milliseconds,
      preferredUntil: binding.preferredUntil + milliseconds,
      validUntil: binding.validUntil + milliseconds,
    }))
    this.apply(moved.map(binding => ({ kind: 'put', binding })))
    for (const [host, entry] of this.#quarantine)
      this.#quarantine.set(host, { ...entry, until: entry.until + milliseconds })
    this.#spare = []
    this.#fullUntil = 0
  }

  #apply(change: Change): Change[] {
    switch (change.kind) {
      case 'put': {
        const before = this.find(change.binding)
        if (before) this.#delete(before)
        this.#byKey.set(keyText(change.binding), change.binding)
        if (change.binding.delegated) this.#delegations.add(change.binding)
        else this.#byHost.set(hostText(change.binding.subnet, change.binding.host), change.binding)
        this.#live.add(change.binding)
        this.#hoards.add(change.binding)
        if (change.binding.clone !== undefined) this.#copies.add(change.binding)
        if (change.binding.state === 'released') this.#released(change.binding)
        return before ? [{ kind: 'put', binding: before }] : [{ kind: 'remove', binding: change.binding }]
      }
      case 'remove': {
        const before = this.find(change.binding)
        if (!before) return []
        this.#delete(before)
        return [{ kind: 'put', binding: before }]
      }
      case 'quarantine': {
        const { subnet, host } = change.quarantine
        const oldest = this.#quarantine.keys().next().value
        if (this.#quarantine.size >= mostQuarantined && oldest !== undefined) this.#quarantine.delete(oldest)
        this.#quarantine.set(hostText(subnet, host), change.quarantine)
        return []
      }
      default:
        return change satisfies never
    }
  }

  /** Whoever releases in a full table must not cost a look through all of it. */
  #released(binding: Binding): void {
    if (this.#spare.length === 0) this.#spare.push(binding)
    this.#fullUntil = 0
  }

  #delete(binding: Binding): void {
    this.#byKey.delete(keyText(binding))
    this.#live.delete(binding)
    this.#hoards.delete(binding)
    this.#copies.delete(binding)
    if (binding.delegated) {
      this.#delegations.delete(binding)
      return
    }
    const host = hostText(binding.subnet, binding.host)
    if (this.#byHost.get(host) === binding) this.#byHost.delete(host)
  }

  /** Looks through the whole table only when the last look is used up, and not again before something can have expired. */
  #nextSpare(now: number, removed: ReadonlySet<Binding>): Binding | undefined {
    const isSpare = (binding: Binding) => this.find(binding) === binding && !isLive(binding, now)
    for (let last = this.#spare.at(-1); last && !isSpare(last); last = this.#spare.at(-1)) this.#spare.pop()
    // Whoever wants several at once makes do with what the last look found.
    if (this.#spare.length > 0 || removed.size > 0)
      return this.#spare.findLast(binding => !removed.has(binding) && isSpare(binding))
    const all = [...this.#byKey.values()]
    this.#spare = all.filter(isSpare).sort((a, b) => b.validUntil - a.validUntil)
    if (this.#spare.length === 0)
      this.#fullUntil = all.reduce((least, { validUntil }) => Math.min(least, validUntil), Number.POSITIVE_INFINITY)
    return this.#spare.at(-1)
  }
}

const none: ReadonlySet<Binding> = new Set()
const hostText = (subnet: number | undefined, host: number): string => `${subnet ?? ''}/${host}`
