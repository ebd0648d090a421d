import type { Ip6, Prefix } from '../base/ip6.ts'
import { addressIn } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { wholeSite } from '../plane/plan.ts'
import type { Duid } from './duid.ts'

/** Whose address it is. RFC 9915 section 12; `clone` tells apart hosts that were copied with their DUID and IAID. */
export interface BindingKey {
  readonly subnet: number | undefined // of the LAN; undefined is the first one
  readonly duid: Duid
  readonly iaType: 'na' | 'pd'
  readonly iaid: number
  readonly clone: Mac | undefined // undefined for the first holder of the key
}

/**
 * What the server knows for one key. The address is kept relative to the LAN's prefix, so that a host keeps its last bits
 * when the site is renumbered. Instants are milliseconds since 1970.
 */
export interface Binding extends BindingKey {
  readonly host: number // offset from the first address of the LAN's prefix, below 2^48; of a delegated prefix in the site's
  readonly delegated?: Delegated | undefined // of an IA_PD
  readonly mac: Mac | undefined // undefined where it could not be learned
  readonly hostname: string | undefined
  readonly state: 'bound' | 'released'
  readonly grantedAt: number
  readonly preferredUntil: number
  readonly validUntil: number
}

/** What a delegated prefix has besides its first address. */
export interface Delegated {
  readonly length: number // of the prefix, 81 to 128
  readonly via: Ip6 // link-local of the client, to which what is for the prefix goes
}

/** How long nobody gets an address that was found in use, in milliseconds, our own: its user will be gone or known by tomorrow. */
export const quarantineTime = 24 * 3600 * 1000

/**
 * An address that is not given to anybody for a while: a client found it in use by another host, or its host made it itself and
 * said so. RFC 9915 section 18.3.8, RFC 9686 section 4.2.1.
 */
export interface Quarantine {
  readonly subnet: number | undefined
  readonly host: number
  readonly duid: Duid
  readonly iaid: number
  readonly mac: Mac | undefined
  readonly registeredAt: number | undefined // milliseconds since 1970; undefined of one that was declined
  readonly until: number
}

/** A change to what is stored. */
export type Change =
  | { readonly kind: 'put'; readonly binding: Binding }
  | { readonly kind: 'remove'; readonly binding: Binding }
  | { readonly kind: 'quarantine'; readonly quarantine: Quarantine }

/** Whether one more binding fits; `reclaim`: if that one is given up, which has ended or is a hoarder's. */
export type Room = { readonly kind: 'room' | 'full' } | { readonly kind: 'reclaim'; readonly binding: Binding }

/** What a decision may ask of the stored bindings. */
export interface Bindings {
  find(key: BindingKey): Binding | undefined
  /** The binding that has this address, live or not. */
  holder(subnet: number | undefined, host: number): Binding | undefined
  /** The bindings of delegated prefixes, live or not, that share an address with these offsets of the site's prefix. */
  delegatedIn(first: number, last: number): readonly Binding[]
  /** Every binding of a delegated prefix, of all LANs. */
  delegations(): readonly Binding[]
  /** The bindings of all LANs, live or not, of hosts with this name; of very many those that end last. */
  named(name: string): Iterable<Binding>
  /** Every binding of a client, live or not, of all LANs: looks through all that there are. */
  ofClient(duid: Duid): readonly Binding[]
  /** Why an address is not given to anybody now, if so. */
  quarantineOf(subnet: number | undefined, host: number, now: number): Quarantine | undefined
  /** Whether one more binding fits besides what a decision adds and removes already; `odd` of a copied host or a long DUID. */
  room(now: number, added?: number, removed?: ReadonlySet<Binding>, odd?: boolean): Room
}

export const isLive = (binding: Binding, now: number): boolean => binding.state === 'bound' && binding.validUntil > now

export function isSameKey(a: BindingKey, b: BindingKey): boolean {
  return a.iaid === b.iaid && a.duid === b.duid && a.clone === b.clone && a.iaType === b.iaType && a.subnet === b.subnet
}

export const addressOf = (prefix: Prefix, host: number): Ip6 => addressIn(prefix, BigInt(host))
export const hostOf = (prefix: Prefix, address: Ip6): number => Number(address - prefix.address)

/** The prefix of a delegation. */
export function prefixOfDelegation(lan: Prefix, { host, delegated }: Pick<Binding, 'host' | 'delegated'>): Prefix {
  return { address: addressOf(wholeSite(lan), host), length: delegated?.length ?? 128 }
}
