/** What `siteplane plan` knows of a LAN, for whichever program it prints. */
import { formatIp6, formatPrefix, type Ip6, type Prefix } from '../base/ip6.ts'
import type { LanConfig } from '../config/schema.ts'
import type { LanPlan } from '../plane/plan.ts'

/** A LAN as another program shall serve it. */
export interface ServedLan {
  readonly interface: string // on the machine of that program
  readonly plan: LanPlan
  readonly networkPrefix: Prefix
  readonly spare: Ip6 // ::2, for that machine itself
  readonly onLinkFor: { readonly network: number; readonly lan: number } // seconds
  readonly leases: { readonly preferred: number; readonly valid: number; readonly t1: number; readonly t2: number }
  readonly dns: LanConfig['dns']
  readonly mtu: number | undefined
  readonly reservations: readonly ServedReservation[]
}

export interface ServedReservation {
  readonly duid: string | undefined
  readonly mac: string | undefined // where there is no DUID
  readonly hostname: string | undefined
  readonly addresses: readonly Ip6[]
}

/** One program's configuration. */
export interface Format {
  readonly part: 'advertisements' | 'addresses' // what it does of our part
  readonly comment: '#' | '//'
  /** Where to put it, for people. */
  readonly place: string
  text(lans: readonly ServedLan[]): string
}

/** What that machine itself needs to be a host of the site: two commands of iproute2. */
export function ownWay({ interface: name, plan, networkPrefix, spare }: ServedLan): readonly [string, string] {
  return [
    `ip -6 address add ${formatIp6(spare)}/${plan.prefix.length} dev ${name}`,
    `ip -6 route add ${formatPrefix(networkPrefix)} via ${formatIp6(plan.router)}`,
  ]
}
