/** One message being answered: what it sees, what it wants stored, and the questions that all kinds of messages share. */
import type { Ip6 } from '../base/ip6.ts'
import { allocate, isReservedInterfaceId } from './allocate.ts'
import {
  addressOf,
  type Binding,
  type BindingKey,
  type Change,
  isLive,
  isSameKey,
  type Quarantine,
  quarantineTime,
  type Room,
} from './binding.ts'
import { Client } from './client.ts'
import type { Context, Probe } from './context.ts'
import type { Reason } from './counters.ts'
import { type Message, MessageType } from './message.ts'
import type { News } from './news.ts'
import { findOption, findOptions, type IaAddress, type IaNa, type IaPd, type Option } from './options.ts'
import type { Reservation } from './reservations.ts'
import { addressesOf, hostIn, isAway } from './scope.ts'
import { isOdd } from './slots.ts'

/** What one kind of message says: the options that are its own. */
export type Answer =
  | { readonly kind: 'answer'; readonly options: readonly Option[] }
  | { readonly kind: 'ignore'; readonly reason: Reason }
  | { readonly kind: 'probe'; readonly probe: Probe }

/** Whose IA it is: a key, with its binding if there is one. `probe`: ask the LAN first, then decide again. */
export type Owned =
  | { readonly kind: 'own'; readonly key: BindingKey; readonly binding: Binding | undefined; readonly clone: boolean }
  | { readonly kind: 'probe'; readonly probe: Probe }

// Our own: a host that has just got an address may still probe it for duplicates (2 s), and answers nobody until that is done.
const settling = 5_000
const mostIas = 8 // of a kind in one message, our own: real hosts send one or two, and each costs a row

export class Turn {
  readonly message: Message
  readonly context: Context
  readonly client: Client
  readonly changes: Change[] = []
  /** What the operator should hear of. */
  news: News | undefined
  readonly delegated: (readonly [number, number])[] = [] // to earlier IA_PDs: first and last offset in the site's prefix
  // What earlier IAs of the same message have come to.
  #taken: Set<number> | undefined
  #evicted: Map<number, readonly Binding[]> | undefined // by the address that they are given up for
  #removed: Set<Binding> | undefined
  #added = 0

  constructor(message: Message, context: Context) {
    this.message = message
    this.context = context
    this.client = new Client(message.options, context)
  }

  /**
   * Whether leases are made: not by a Solicit, unless both sides want Rapid Commit. With two servers each would commit a lease,
   * and one of them would lie idle. RFC 9915 section 18.3.1.
   */
  get commits(): boolean {
    const { message, context } = this
    if (message.type !== MessageType.solicit) return true
    return context.scope.rapidCommit && findOption(message.options, 'rapid-commit') !== undefined && context.alone()
  }

  /** The IA_NAs of the message, each IAID once, as many as we serve in one message. */
  ias(): IaNa[] {
    return firstOfEach(findOptions(this.message.options, 'ia-na'))
  }

  /** The IA_PDs of the message, likewise. */
  delegations(): IaPd[] {
    return firstOfEach(findOptions(this.message.options, 'ia-pd'))
  }

  /**
   * The same DUID and IAID from another MAC is a copy of the host if the first one was here a moment ago or still answers for its
   * address; else the host has a new card. NetworkManager takes both from the machine id, so copied machines share them, and
   * start at the same moment.
   */
  owned({ kind, iaid }: IaNa | IaPd): Owned {
    const { bindings, mac, scope } = this.context
    const first: BindingKey = {
      subnet: scope.plan.subnet,
      duid: this.client.duid!, // the rules for discarding leave nothing without one that has IAs
      iaType: kind === 'ia-pd' ? 'pd' : 'na',
      iaid,
      clone: undefined,
    }
    const copy = { ...first, clone: mac }
    const known = mac === undefined ? undefined : bindings.find(copy)
    if (known) return { kind: 'own', key: copy, binding: known, clone: true }
    const binding = bindings.find(first)
    if (!binding || mac === undefined || binding.mac === undefined || binding.mac === mac)
      return { kind: 'own', key: first, binding, clone: false }
    if (binding.state === 'bound' && this.context.now - binding.grantedAt < settling)
      return { kind: 'own', key: copy, binding: undefined, clone: true }
    // Of several networks it may not have heard of each.
    const addresses = binding.delegated ? [binding.delegated.via] : addressesOf(scope, binding.host)
    for (const address of addresses) {
      const probe = { address, mac: binding.mac }
      const probed = this.context.probed(probe)
      if (probed === undefined) return { kind: 'probe', probe }
      if (probed !== 'silent') return { kind: 'own', key: copy, binding: undefined, clone: true }
    }
    return { kind: 'own', key: first, binding, clone: false }
  }

  /** Whether the host part, and so its address in each network, may be given to this key now. */
  isFree(key: BindingKey, host: number): boolean {
    const { bindings, now, scope } = this.context
    const owner = scope.reservations.ofHost(host)
    if (owner && owner !== this.reservation(key)) return false
    if (this.#taken?.has(host) || bindings.quarantineOf(key.subnet, host, now)) return false
    const holder = bindings.holder(key.subnet, host)
    return !holder || isSameKey(holder, key) || !isLive(holder, now)
  }

  /** Whether it lies where we give addresses away, and nobody else has it. */
  isFreeHost(key: BindingKey, host: number): boolean {
    const { plan } = this.context.scope
    const address = addressOf(plan.prefix, host)
    const isDynamic = address >= plan.dynamic.first && address <= plan.dynamic.last && !isReservedInterfaceId(address)
    return (isDynamic || this.reservation(key)?.hosts.includes(host) === true) && this.isFree(key, host)
  }

  /**
   * The reserved one, else the one it has, else one that it asks for, else the one that its name hashes to; undefined where there is
   * no room. Once for each key: it counts as taken from then on.
   */
  choose(key: BindingKey, binding: Binding | undefined, asked: readonly Ip6[]): number | undefined {
    const kept = this.kept(binding)
    const host = this.pick(key, kept, asked)
    if (host === undefined) return undefined
    const holder = this.context.bindings.holder(key.subnet, host)
    const displaced = holder && !isSameKey(holder, key) ? [holder] : []
    if (host !== kept?.host && !this.admit(key, host, kept, displaced)) return undefined
    this.#take(host)
    return host
  }

  #take(host: number): void {
    this.#taken ??= new Set()
    this.#taken.add(host)
  }

  /** What `choose` would choose. */
  pick(key: BindingKey, kept: Binding | undefined, asked: readonly Ip6[]): number | undefined {
    const { scope, identity } = this.context
    const { plan } = scope
    const reserved = this.reservation(key)?.hosts ?? []
    const free = reserved.find(each => this.isFree(key, each))
    if (free !== undefined) return free
    if (kept && this.isFreeHost(key, kept.host)) return kept.host
    const wanted = asked.flatMap(address => hostIn(scope, address) ?? []).find(each => this.isFreeHost(key, each))
    if (wanted !== undefined) return wanted
    return allocate(key, identity.secret, plan, candidate => this.isFree(key, candidate))
  }

  /** What is reserved for a key of this client. */
  reservation(key: BindingKey): Reservation | undefined {
    const { scope, bindings } = this.context
    return scope.reservations.isEmpty ? undefined : this.client.reservation(key.iaid, bindings.find(key))
  }

  /** The binding, unless an earlier IA of this message has made it give way. */
  kept(binding: Binding | undefined): Binding | undefined {
    return binding && !this.#removed?.has(binding) ? binding : undefined
  }

  /** Makes room for a binding at `host` in the place of others, which are no longer live; false where the table is full. */
  admit(key: BindingKey, host: number, kept: Binding | undefined, displaced: readonly Binding[]): boolean {
    const { bindings, now } = this.context
    const odd = key.iaType === 'na' && isOdd(key) // prefixes have a bound of their own
    const room: Room = kept ? { kind: 'room' } : bindings.room(now, this.#added, this.#removed, odd)
    if (room.kind === 'full') return false
    const evicted = displaced.filter(each => !this.#removed?.has(each))
    if (room.kind === 'reclaim' && !evicted.includes(room.binding)) evicted.push(room.binding)
    if (!kept) this.#added++
    if (evicted.length === 0) return true
    this.#removed ??= new Set()
    for (const each of evicted) this.#removed.add(each)
    this.#evicted ??= new Map()
    this.#evicted.set(host, evicted)
    return true
  }

  /** Records that the key has the chosen address or prefix from now on. The reply may leave only when that is stored. */
  bind(key: BindingKey, binding: Binding | undefined, place: Pick<Binding, 'host' | 'delegated'>): void {
    const { now, scope, mac } = this.context
    for (const evicted of this.#evicted?.get(place.host) ?? []) this.changes.push({ kind: 'remove', binding: evicted })
    this.changes.push({
      kind: 'put',
      binding: {
        ...key,
        ...place,
        mac: mac ?? binding?.mac,
        hostname: this.client.hostname(key.iaid, binding),
        state: 'bound',
        grantedAt: now,
        preferredUntil: now + scope.lifetimes.preferred * 1000,
        validUntil: now + scope.lifetimes.valid * 1000,
      },
    })
  }

  /** The chosen address bound and told; what else the client has is not its own and comes back with lifetimes 0. */
  grant(ia: IaNa, key: BindingKey, binding: Binding | undefined, host: number): Option {
    this.bind(key, binding, { host })
    const granted = this.granted(host)
    const others = askedOf(ia).filter(address => !granted.some(each => each.address === address))
    return this.answer(ia, [...granted, ...this.withdrawn(others)])
  }

  /** The host gives its address back; it is kept for it all the same until somebody needs it. */
  release(binding: Binding): void {
    const { now } = this.context
    this.changes.push({
      kind: 'put',
      binding: { ...binding, state: 'released', preferredUntil: now, validUntil: now },
    })
  }

  /** Another host uses the address: nobody gets it for a day, and the binding is gone, so that the next choice differs. */
  decline(binding: Binding): void {
    this.changes.push({ kind: 'remove', binding })
    this.quarantine(binding, 'declined')
  }

  /** Nobody gets the address for a day. */
  quarantine(
    { subnet, host, duid, iaid, mac }: Omit<Quarantine, 'until' | 'registeredAt'>,
    kind: 'declined' | 'probed',
    address = addressOf(this.context.scope.plan.prefix, host),
  ): void {
    const { now } = this.context
    this.#take(host)
    this.news = { kind, duid, address }
    const until = now + quarantineTime
    this.changes.push({
      kind: 'quarantine',
      quarantine: { subnet, host, duid, iaid, mac, registeredAt: undefined, until },
    })
  }

  /** The addresses of a host with the lifetimes that we give: one from each prefix of the link. RFC 9915 section 18.3. */
  granted(host: number): IaAddress[] {
    const { scope } = this.context
    const { preferred, valid } = scope.lifetimes
    return addressesOf(scope, host).map(address => ({ kind: 'ia-address', address, preferred, valid, options: [] }))
  }

  /** Addresses that the client must give up: back with both lifetimes 0. RFC 9915 section 18.3.4. */
  withdrawn(addresses: readonly Ip6[]): IaAddress[] {
    const { scope } = this.context
    const ours = addresses.filter(address => !isAway(scope, { address, length: 128 }))
    return ours.map(address => ({ kind: 'ia-address', address, preferred: 0, valid: 0, options: [] }))
  }

  /** The IA of the answer. T1 and T2 are the same in all of them. RFC 9915 section 18.3.4. */
  answer(ia: { readonly kind: 'ia-na' | 'ia-pd'; readonly iaid: number }, options: readonly Option[]): Option {
    const { t1, t2 } = this.context.scope.lifetimes
    return { kind: ia.kind, iaid: ia.iaid, t1, t2, options }
  }
}

function firstOfEach<Ia extends IaNa | IaPd>(ias: Ia[]): Ia[] {
  if (ias.length <= 1) return ias
  const seen = new Map<number, Ia>()
  for (const ia of ias) if (!seen.has(ia.iaid)) seen.set(ia.iaid, ia)
  return [...seen.values()].slice(0, mostIas)
}

/** The addresses that an IA names, each once. */
export function askedOf(ia: IaNa): Ip6[] {
  const asked = findOptions(ia.options, 'ia-address').map(({ address }) => address)
  return asked.length <= 1 ? asked : [...new Set(asked)]
}

export const status = (code: number, text: string): Option => ({ kind: 'status-code', status: code, text })
