import { addressIn } from '../base/ip6.ts'
import { offsetOf, offsetOfPrefix } from '../config/reservation-rules.ts'
import type { LanConfig } from '../config/schema.ts'
import { offersOf } from '../dhcp/configuration.ts'
import { parseDuid } from '../dhcp/duid.ts'
import { type Identity, type Reservation, Reservations } from '../dhcp/reservations.ts'
import type { Scope } from '../dhcp/scope.ts'
import { type LanPlan, wholeSite } from '../plane/plan.ts'

/** What a LAN's DHCPv6 server serves with, from the configuration and the prefix that the LAN has now. */
export function scopeOf(config: LanConfig, plan: LanPlan): Scope {
  const { interface: name, dhcpv6, delegate, dns, ntp } = config
  const { options, leasequery, ...served } = dhcpv6
  const offers = offersOf({ dns, ntp, options })
  const offset = delegate?.prefix.address ?? 0n
  const prefix = { address: addressIn(wholeSite(plan.prefix), offset), length: delegate?.prefix.length ?? 0 }
  const reservations = reservationsOf(config, plan)
  return {
    interface: name,
    plan,
    ...served,
    offers,
    reservations,
    requesters: leasequery.requesters,
    delegate: delegate && { ...delegate, prefix },
  }
}

type Configured = LanConfig['reservations'][number]

const made = new WeakMap<LanConfig, { readonly plan: LanPlan; readonly reservations: Reservations }>()

/** Made once for a configuration and a prefix: the kernel makes us look at everything again each few seconds. */
function reservationsOf(config: LanConfig, plan: LanPlan): Reservations {
  const known = made.get(config)
  if (known?.plan.prefix.address === plan.prefix.address) return known.reservations
  const reservations = new Reservations(config.reservations.map(each => reservationOf(each, plan)))
  made.set(config, { plan, reservations })
  return reservations
}

/** What is of another site, as ZeroTier has it today, is left out; `foreignReservations` says so. */
function reservationOf(configured: Configured, plan: LanPlan): Reservation {
  const { hostname, ipAddresses, prefixes, dns, ntp, options } = configured
  const site = wholeSite(plan.prefix)
  return {
    identity: identityOf(configured),
    hosts: ipAddresses.flatMap(address => offsetOf(address, plan) ?? []),
    prefixes: prefixes.flatMap(prefix => {
      const host = offsetOfPrefix(prefix, site)
      return host === undefined ? [] : [{ host, length: prefix.length }]
    }),
    hostname,
    offers: offersOf({ dns, ntp, options }),
  }
}

function identityOf({ duid, iaid, hwAddress, hostname }: Configured): Identity {
  if (duid !== undefined) return { kind: 'duid', duid: parseDuid(duid), iaid }
  if (hwAddress !== undefined) return { kind: 'mac', mac: hwAddress }
  return { kind: 'name', name: hostname! } // one of the three is there, or the file would have been refused
}

/** How many reserved addresses and prefixes are of another site than this one. */
export function foreignReservations({ reservations }: LanConfig, plan: LanPlan): number {
  const site = wholeSite(plan.prefix)
  return reservations.reduce(
    (sum, { ipAddresses, prefixes }) =>
      sum +
      ipAddresses.filter(address => offsetOf(address, plan) === undefined).length +
      prefixes.filter(prefix => offsetOfPrefix(prefix, site) === undefined).length,
    0,
  )
}
