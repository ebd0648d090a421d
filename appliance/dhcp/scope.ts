import { contains, type Ip6, type Prefix } from '../base/ip6.ts'
import { isAssignable, type LanPlan } from '../plane/plan.ts'
import type { Offer } from './configuration.ts'
import type { Reservations } from './reservations.ts'

/** What prefixes are delegated from, and how long they are. */
export interface DelegationPool {
  readonly prefix: Prefix // a part of c0–ff of the address plan
  readonly delegatedLength: number // of a prefix where the client says nothing
  readonly shortestLength: number // that a client may have by asking
}

/** What one LAN is served with. */
export interface Scope {
  readonly interface: string
  readonly plan: LanPlan
  readonly preference: number // 0 to 255
  /** Whether a Solicit that asks for it is answered by a Reply at once, where no other server is on the LAN. */
  readonly rapidCommit: boolean
  /** Seconds. T1 at most T2 at most the preferred lifetime at most the valid one. */
  readonly lifetimes: {
    readonly preferred: number
    readonly valid: number
    readonly t1: number
    readonly t2: number
  }
  readonly probe: boolean // whether the LAN is asked for an address before it is given to a host for the first time
  readonly offers: readonly Offer[]
  readonly allowAddressRegistration: boolean // hosts may tell of addresses that they made themselves
  readonly reservations: Reservations
  readonly requesters: readonly Ip6[] // addresses that may ask about leases
  readonly delegate: DelegationPool | undefined // undefined: no prefix is delegated
}

/**
 * Whether an address belongs on this LAN. `foreign` is what we can't judge: the LAN may have other prefixes, from another
 * router and another DHCPv6 server, and of those we know nothing. All of fc00::/8 is 6PLANE and nobody else's, so an address
 * there which isn't of this LAN is of another site, another LAN or another time.
 */
export function judge(plan: LanPlan, address: Ip6): 'on-link' | 'off-link' | 'foreign' {
  if (isAssignable(plan, address)) return 'on-link'
  return address >> 120n === 0xfcn ? 'off-link' : 'foreign'
}

/** The same of a prefix: `ours` is what we may delegate here. */
export function judgePrefix({ delegate }: Scope, { address, length }: Prefix): 'ours' | 'off-link' | 'foreign' {
  if (delegate && length >= delegate.shortestLength && contains(delegate.prefix, { address, length })) return 'ours'
  return address >> 120n === 0xfcn ? 'off-link' : 'foreign'
}
