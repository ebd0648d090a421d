/**
 * Prefixes for what lies behind a host: routers, containers, virtual machines. An IA_PD is answered beside the IA_NAs and never at
 * their cost, since networkd asks for a prefix unasked. RFC 9915 section 6.3.
 */
import { equalPrefix, type Prefix } from '../base/ip6.ts'
import { wholeSite } from '../plane/plan.ts'
import { allocatePrefix, drawFor } from './allocate.ts'
import { addressOf, type Binding, type BindingKey, hostOf, isLive, isSameKey, prefixOfDelegation } from './binding.ts'
import type { Probe } from './context.ts'
import { MessageType } from './message.ts'
import { findOptions, type IaPd, type IaPrefix, type Option } from './options.ts'
import { atHome, type DelegationPool, isAway, judgePrefix, plansOf } from './scope.ts'
import { Status } from './status.ts'
import { status, type Turn } from './turn.ts'

export const mostDelegations = 4096 // of a site, our own: each is a route in the kernel
const mostOfOne = 64 // of one card, our own: a stranger must not take them all
const longestLan = 80 // who asks for a prefix as short as that wants one for SLAAC, and can't use a longer one

type IaAnswer =
  | { readonly kind: 'ia'; readonly option: Option }
  | { readonly kind: 'probe'; readonly probe: Probe }
  | { readonly kind: 'nothing' }

/** The IA_PDs of the answer. `probe`: ask the LAN first, then decide all of the message again. */
export function delegations(
  turn: Turn,
):
  | { readonly kind: 'answer'; readonly options: readonly Option[] }
  | { readonly kind: 'probe'; readonly probe: Probe } {
  const handler = handlers.get(turn.message.type)
  const options: Option[] = []
  for (const ia of handler ? turn.delegations() : []) {
    const answer = handler!(turn, ia)
    if (answer.kind === 'probe') return answer
    if (answer.kind === 'ia') options.push(answer.option)
  }
  return { kind: 'answer', options }
}

const handlers = new Map<number, (turn: Turn, ia: IaPd) => IaAnswer>([
  [MessageType.solicit, (turn, ia) => offer(turn, ia, turn.commits ? 'grant' : 'advertise')],
  [MessageType.request, (turn, ia) => offer(turn, ia, 'grant')],
  [MessageType.renew, (turn, ia) => extend(turn, ia, 'no-binding')],
  [MessageType.rebind, (turn, ia) => extend(turn, ia, 'withdraw')],
  [MessageType.release, release],
  [MessageType.decline, decline],
])

/** What a Solicit and a Request get. RFC 9915 section 18.3.1, 18.3.2. */
function offer(turn: Turn, ia: IaPd, what: 'advertise' | 'grant'): IaAnswer {
  if (!turn.context.scope.delegate) return refused(turn, ia, [])
  const owned = turn.owned(ia)
  if (owned.kind === 'probe') return owned
  const prefix = choose(turn, ia, owned.key, owned.binding)
  if (!prefix) return refused(turn, ia, [])
  if (what === 'grant') bind(turn, owned.key, owned.binding, prefix)
  return { kind: 'ia', option: turn.answer(ia, granted(turn, prefix)) }
}

/**
 * What a Renew and a Rebind get: an unknown binding is made again with the prefix that the client has. What it has besides comes
 * back with lifetimes 0. RFC 9915 section 18.3.4, 18.3.5.
 */
function extend(turn: Turn, ia: IaPd, taken: 'no-binding' | 'withdraw'): IaAnswer {
  const { scope } = turn.context
  const asked = prefixesOf(ia)
  if (taken === 'withdraw' && asked.length > 0 && asked.every(each => judgePrefix(scope, each) === 'foreign'))
    return { kind: 'nothing' } // another server's to extend
  const owned = turn.owned(ia)
  if (owned.kind === 'probe') return owned
  const { key, binding, clone } = owned
  if (!scope.delegate) {
    if (binding) turn.changes.push({ kind: 'remove', binding }) // delegation was switched off
    return refused(turn, ia, asked)
  }
  const ours = oursAmong(turn, asked)
  if (taken === 'no-binding' && !binding && !clone && ours.length > 0 && !ours.some(each => isFree(turn, key, each)))
    return { kind: 'ia', option: turn.answer(ia, [status(Status.noBinding, 'another client has the prefix')]) }
  const prefix = choose(turn, ia, key, binding)
  if (!prefix) return refused(turn, ia, asked)
  bind(turn, key, binding, prefix)
  const given = granted(turn, prefix)
  const others = asked.filter(each => !given.some(other => equalPrefix(each, other.prefix)))
  return { kind: 'ia', option: turn.answer(ia, [...given, ...withdrawn(turn, others)]) }
}

/** The client gives its prefix back; it is kept for it until somebody needs it. RFC 9915 section 18.3.7. */
function release(turn: Turn, ia: IaPd): IaAnswer {
  const owned = turn.owned(ia)
  if (owned.kind === 'probe') return owned
  const { binding } = owned
  if (!binding) return unknown(ia)
  const { scope } = turn.context
  const held = prefixOfDelegation(scope.plan.prefix, binding)
  const isHeld = (each: Prefix | undefined) => each !== undefined && equalPrefix(each, held)
  if (prefixesOf(ia).some(each => isHeld(atHome(scope, each)))) turn.release(binding)
  return { kind: 'nothing' }
}

/** Only an address can be found in use by another. RFC 9915 section 18.3.8. */
function decline(turn: Turn, ia: IaPd): IaAnswer {
  const owned = turn.owned(ia)
  if (owned.kind === 'probe') return owned
  return owned.binding ? { kind: 'nothing' } : unknown(ia)
}

/** The reserved one, else the one it has, or asks for, or that its name hashes to; undefined where there is none for it. */
function choose(turn: Turn, ia: IaPd, key: BindingKey, binding: Binding | undefined): Prefix | undefined {
  const { scope, identity, linkLocal } = turn.context
  const pool = scope.delegate
  if (!pool || linkLocal === undefined) return undefined
  const kept = turn.kept(binding)
  const reserved = (turn.reservation(key)?.prefixes ?? []).map(({ host, length }) =>
    prefixOfDelegation(scope.plan.prefix, { host, delegated: { length, via: linkLocal } }),
  )
  const promised = reserved.find(each => isFree(turn, key, each))
  if (promised) return take(turn, key, kept, promised)
  const held = kept && prefixOfDelegation(scope.plan.prefix, kept)
  const length = lengthFor(ia, pool)
  if (kept && held && length !== undefined && judgePrefix(scope, held) === 'ours' && isFree(turn, key, held))
    return take(turn, key, kept, held)
  const wanted = oursAmong(turn, prefixesOf(ia)).find(each => isFree(turn, key, each))
  if (wanted) return take(turn, key, kept, wanted)
  if (length === undefined) return undefined
  const address = allocatePrefix(drawFor(key, identity.secret), pool.prefix, length, each =>
    isFree(turn, key, { address: each, length }),
  )
  return address === undefined ? undefined : take(turn, key, kept, { address, length })
}

/**
 * How long a prefix the client gets: as long as it hints, the pool's default where it hints at none, and nothing where it would
 * have one for SLAAC. RFC 8168 section 3.
 */
function lengthFor(ia: IaPd, { delegatedLength, shortestLength }: DelegationPool): number | undefined {
  const hints = findOptions(ia.options, 'ia-prefix').map(({ prefix }) => prefix.length)
  const lengths = hints.filter(each => each > 0)
  if (lengths.length === 0) return delegatedLength
  const fit = lengths.find(each => each > longestLan)
  return fit === undefined ? undefined : Math.max(fit, shortestLength)
}

/** Whether the prefix may be delegated to this key now. */
function isFree(turn: Turn, key: BindingKey, prefix: Prefix): boolean {
  const { bindings, now, scope } = turn.context
  const [first, last] = rangeOf(turn, prefix)
  const owners = scope.reservations.within(first, last)
  if (owners.length > 0 && owners.some(each => each !== turn.reservation(key))) return false
  if (turn.delegated.some(each => each[0] <= last && each[1] >= first)) return false
  return bindings.delegatedIn(first, last).every(each => isSameKey(each, key) || !isLive(each, now))
}

/** The chosen prefix, which nobody else gets from then on; undefined where there is no room for another one. */
function take(turn: Turn, key: BindingKey, kept: Binding | undefined, prefix: Prefix): Prefix | undefined {
  const { bindings, now, mac, linkLocal } = turn.context
  const [first, last] = rangeOf(turn, prefix)
  const displaced = bindings.delegatedIn(first, last).filter(each => !isSameKey(each, key))
  if (!kept) {
    const all = bindings.delegations()
    const ofOne = all.filter(each => each.mac === mac && (mac !== undefined || each.delegated?.via === linkLocal))
    if (ofOne.length >= mostOfOne && ofOne.filter(each => isLive(each, now)).length >= mostOfOne) return undefined
    if (all.length - displaced.length >= mostDelegations) {
      const spare = all.find(each => !isLive(each, now) && !displaced.includes(each))
      if (!spare) return undefined
      displaced.push(spare)
    }
  }
  if (!turn.admit(key, first, kept, displaced)) return undefined
  turn.delegated.push([first, last])
  return prefix
}

function bind(turn: Turn, key: BindingKey, binding: Binding | undefined, prefix: Prefix): void {
  const [host] = rangeOf(turn, prefix)
  turn.bind(key, binding, { host, delegated: { length: prefix.length, via: turn.context.linkLocal! } })
}

/** The first and the last address as offsets in the site's prefix. */
function rangeOf(turn: Turn, { address, length }: Prefix): readonly [number, number] {
  const first = hostOf(wholeSite(turn.context.scope.plan.prefix), address)
  return [first, first + 2 ** (128 - length) - 1]
}

/** The prefix in each network of the LAN. */
function granted(turn: Turn, { address, length }: Prefix): IaPrefix[] {
  const { scope } = turn.context
  const { preferred, valid } = scope.lifetimes
  const host = hostOf(wholeSite(scope.plan.prefix), address)
  return plansOf(scope).map(plan => {
    const prefix = { address: addressOf(wholeSite(plan.prefix), host), length }
    return { kind: 'ia-prefix', prefix, preferred, valid, options: [] }
  })
}

/** Those that we may delegate, in the site of the LAN's first network. */
function oursAmong({ context: { scope } }: Turn, prefixes: readonly Prefix[]): Prefix[] {
  return prefixes.flatMap(each => (judgePrefix(scope, each) === 'ours' ? (atHome(scope, each) ?? []) : []))
}

/** Prefixes that the client must give up. RFC 9915 section 18.3.4. */
const withdrawn = ({ context: { scope } }: Turn, prefixes: readonly Prefix[]): IaPrefix[] =>
  prefixes
    .filter(each => !isAway(scope, each))
    .map(prefix => ({ kind: 'ia-prefix', prefix, preferred: 0, valid: 0, options: [] }))

function refused(turn: Turn, ia: IaPd, held: readonly Prefix[]): IaAnswer {
  const { scope, linkLocal } = turn.context
  const why = scope.delegate ? (linkLocal === undefined ? 'through a relay' : 'for this request') : 'here'
  const none = status(Status.noPrefixAvail, `no prefix is delegated ${why}`)
  return { kind: 'ia', option: turn.answer(ia, [...withdrawn(turn, held), none]) }
}

/** No T1 and T2 here: the IA says only that we don't know it. */
const unknown = (ia: IaPd): IaAnswer => ({
  kind: 'ia',
  option: { ...ia, t1: 0, t2: 0, options: [status(Status.noBinding, 'no such binding')] },
})

/** The prefixes that an IA names; a hint at a length alone is none. */
function prefixesOf(ia: IaPd): Prefix[] {
  const prefixes = findOptions(ia.options, 'ia-prefix').map(({ prefix }) => prefix)
  return prefixes.filter(({ address }) => address !== 0n)
}
