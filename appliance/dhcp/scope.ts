import { contains, type Ip6, type Prefix } from '../base/ip6.ts'
import { isAssignable, type LanPlan, wholeSite } from '../plane/plan.ts'
import { addressOf, hostOf } from './binding.ts'
import type { Offer } from './configuration.ts'
import type { Reservations } from './reservations.ts'

/** What prefixes are delegated from, and how long they are. */
export interface DelegationPool {
  readonly prefix: Prefix // a part of c0–ff of the address plan, in the site of `plan`
  readonly delegatedLength: number // of a prefix where the client says nothing
  readonly shortestLength: number // that a client may have by asking
}

/** What one LAN is served with. */
export interface Scope {
  readonly interface: string
  readonly plan: LanPlan
  readonly beside: readonly LanPlan[] // in further networks, each with the same hosts as `plan`
  readonly away: readonly Prefix[] // networks of the LAN in which its prefix is not known yet
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

/** A LAN's part of each network that it is in. */
export type Plans = Pick<Scope, 'plan' | 'beside'>

export const plansOf = ({ plan, beside }: Plans): readonly LanPlan[] => [plan, ...beside]

/** The plan in which an address may be a host's; undefined of one that is not of this LAN. */
export function planOf({ plan, beside }: Plans, address: Ip6): LanPlan | undefined {
  return isAssignable(plan, address) ? plan : beside.find(each => isAssignable(each, address))
}

/** Of which host of the LAN an address is. */
export function hostIn(scope: Plans, address: Ip6): number | undefined {
  const plan = planOf(scope, address)
  return plan && hostOf(plan.prefix, address)
}

/** Whether a network of the LAN that is not known yet may still say that this is of it: it is not ours to withdraw. */
export const isAway = ({ away }: Pick<Scope, 'away'>, prefix: Prefix): boolean =>
  away.some(each => contains(each, prefix))

/** A host's address in each network. */
export const addressesOf = ({ plan, beside }: Plans, host: number): Ip6[] => [
  addressOf(plan.prefix, host),
  ...beside.map(({ prefix }) => addressOf(prefix, host)),
]

/**
 * Whether an address belongs on this LAN. `foreign` is what we can't judge: the LAN may have other prefixes, from another
 * router and another DHCPv6 server, and of those we know nothing. All of fc00::/8 is 6PLANE and nobody else's, so an address
 * there which isn't of this LAN is of another site, another LAN or another time; unless it is of a network of the LAN that has not
 * said yet where we are.
 */
export function judge(scope: Plans & Pick<Scope, 'away'>, address: Ip6): 'on-link' | 'off-link' | 'foreign' {
  if (planOf(scope, address)) return 'on-link'
  if (isAway(scope, { address, length: 128 })) return 'foreign'
  return address >> 120n === 0xfcn ? 'off-link' : 'foreign'
}

/** A prefix as that part of the site in `plan` which it is of a site of the LAN; undefined where it is of none. */
export function atHome(scope: Plans, { address, length }: Prefix): Prefix | undefined {
  const site = plansOf(scope)
    .map(({ prefix }) => wholeSite(prefix))
    .find(each => contains(each, { address, length }))
  return site && { address: (wholeSite(scope.plan.prefix).address + address - site.address) as Ip6, length }
}

/** The same of a prefix: `ours` is what we may delegate here. */
export function judgePrefix(scope: Scope, prefix: Prefix): 'ours' | 'off-link' | 'foreign' {
  const { delegate } = scope
  if (isAway(scope, prefix)) return 'foreign'
  const here = atHome(scope, prefix)
  if (delegate && here && here.length >= delegate.shortestLength && contains(delegate.prefix, here)) return 'ours'
  return prefix.address >> 120n === 0xfcn ? 'off-link' : 'foreign'
}
