import { formatIp6, formatPrefix, type Prefix } from '../base/ip6.ts'
import { offsetOf, offsetOfPrefix } from '../config/reservation-rules.ts'
import type { LanConfig } from '../config/schema.ts'
import { addressOf, type Bindings, isLive } from '../dhcp/binding.ts'
import { offersOf } from '../dhcp/configuration.ts'
import { macOfDuid, parseDuid } from '../dhcp/duid.ts'
import { type Identity, type Reservation, Reservations } from '../dhcp/reservations.ts'
import { type LanPlan, wholeSite } from '../plane/plan.ts'

type Configured = LanConfig['reservations'][number]

interface Made {
  readonly plan: LanPlan
  readonly named: Reservation['prefixes']
  readonly reservations: Reservations
}

const noNames: Reservation['prefixes'] = []
const made = new WeakMap<LanConfig, Made>()

/**
 * The reservations of a LAN; no client gets what is in `named`, the prefixes that were allocated by name. Made once for a
 * configuration and a prefix: the kernel makes us look at everything again each few seconds.
 */
export function reservationsOf(
  config: LanConfig,
  plan: LanPlan,
  named: Reservation['prefixes'] = noNames,
): Reservations {
  const known = made.get(config)
  if (known?.plan.prefix.address === plan.prefix.address && known.named === named) return known.reservations
  const elsewhere = [...prefixesOf(config.reservedElsewhere, plan), ...named]
  const reservations = new Reservations(
    config.reservations.map(each => reservationOf(each, plan)),
    elsewhere,
  )
  made.set(config, { plan, named, reservations })
  return reservations
}

/** What is of another site, as ZeroTier has it today, is left out; the notices say so. */
function reservationOf(configured: Configured, plan: LanPlan): Reservation {
  const { hostname, ipAddresses, prefixes, dns, ntp, options } = configured
  return {
    identity: identityOf(configured),
    hosts: ipAddresses.flatMap(address => offsetOf(address, plan) ?? []),
    prefixes: prefixesOf(prefixes, plan),
    hostname,
    offers: offersOf({ dns, ntp, options }),
  }
}

function prefixesOf(prefixes: readonly Prefix[], plan: LanPlan): Reservation['prefixes'] {
  return prefixes.flatMap(prefix => {
    const host = offsetOfPrefix(prefix, wholeSite(plan.prefix))
    return host === undefined ? [] : [{ host, length: prefix.length }]
  })
}

function identityOf({ duid, iaid, hwAddress, hostname }: Configured): Identity {
  if (duid !== undefined) return { kind: 'duid', duid: parseDuid(duid), iaid }
  if (hwAddress !== undefined) return { kind: 'mac', mac: hwAddress }
  return { kind: 'name', name: hostname! } // one of the three is there, or the file would have been refused
}

const mostTold = 8

/** Why hosts don't have what is reserved for them, as sentences. */
export function reservationNotices(
  config: LanConfig,
  plan: LanPlan,
  reservations: Reservations,
  bindings: Bindings,
  now: number,
): string[] {
  const site = wholeSite(plan.prefix)
  const foreign = config.reservations.flatMap(({ ipAddresses, prefixes }) => [
    ...ipAddresses.filter(address => offsetOf(address, plan) === undefined).map(formatIp6),
    ...prefixes.filter(prefix => offsetOfPrefix(prefix, site) === undefined).map(formatPrefix),
  ])
  const notices = foreign.map(
    each =>
      `${each} is reserved on ${config.interface}, but it is not of this site, ${formatPrefix(site)}: give its last bits alone`,
  )
  for (const reservation of reservations.all) {
    for (const host of reservation.hosts) {
      const address = formatIp6(addressOf(plan.prefix, host))
      if (bindings.quarantineOf(plan.subnet, host, now))
        notices.push(`${address} is reserved, but was found in use by another host: nobody gets it for a day`)
      const holder = bindings.holder(plan.subnet, host)
      if (!holder || !isLive(holder, now)) continue
      const { duid, mac = macOfDuid(duid), hostname, iaid } = holder
      if (reservations.find({ duid, mac, name: hostname }, iaid) === reservation) continue
      notices.push(
        `${address} is reserved for another host than ${hostname ?? mac ?? duid}, which has it until it renews`,
      )
    }
  }
  return notices.length > mostTold
    ? [...notices.slice(0, mostTold), `and ${notices.length - mostTold} more reservations`]
    : notices
}
