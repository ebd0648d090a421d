import { addressIn, type Prefix } from '../base/ip6.ts'
import type { LanConfig } from '../config/schema.ts'
import { offersOf } from '../dhcp/configuration.ts'
import type { Reservation } from '../dhcp/reservations.ts'
import type { Scope } from '../dhcp/scope.ts'
import { type LanPlan, wholeSite } from '../plane/plan.ts'
import { reservationsOf } from './reservations.ts'

/**
 * What a LAN's DHCPv6 server serves with, from the configuration and the prefixes that the LAN has now, one of each network;
 * undefined where it is off, or has none.
 * `named` are the prefixes that were allocated by name, `away` the LAN's networks that have none for it yet.
 */
export function scopeOf(
  config: LanConfig,
  [plan, ...beside]: readonly LanPlan[],
  named?: Reservation['prefixes'],
  away: readonly Prefix[] = [],
): Scope | undefined {
  const { interface: name, dhcpv6, delegate, dns, ntp } = config
  if (dhcpv6 === 'off' || !plan) return undefined
  const { options, leasequery, ...served } = dhcpv6
  const offers = offersOf({ dns, ntp, options, allowAddressRegistration: served.allowAddressRegistration })
  const offset = delegate?.prefix.address ?? 0n
  const prefix = { address: addressIn(wholeSite(plan.prefix), offset), length: delegate?.prefix.length ?? 0 }
  const reservations = reservationsOf(config, [plan, ...beside], named)
  return {
    interface: name,
    plan,
    beside,
    away,
    ...served,
    offers,
    reservations,
    requesters: leasequery.requesters,
    delegate: delegate && { ...delegate, prefix },
  }
}
