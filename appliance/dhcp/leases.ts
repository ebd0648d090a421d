import type { Ip6, Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { addressOf, type Binding, prefixOfDelegation, type Quarantine, quarantineTime } from './binding.ts'
import { type Duid, macOfDuid } from './duid.ts'

/** A lease as the status shows it. Instants are milliseconds since 1970. */
export interface LeaseRow {
  readonly duid: Duid
  readonly iaid: number
  readonly type: 'IA_NA' | 'IA_PD'
  readonly address: Ip6 // under a prefix that the LAN has now; the first of a delegated prefix
  readonly prefixLength: number // 128 of an address
  readonly interface: string
  readonly subnet: number | undefined // of the LAN; undefined is the first one
  readonly linkLayerAddress: Mac | undefined
  readonly hostname: string | undefined
  readonly preferredUntil: number
  readonly validUntil: number
  readonly state: 'bound' | 'expired' | 'released' | 'declined' | 'registered'
  readonly changedAt: number // when it last was bound or renewed, or what the state says
}

/** A LAN that is served now. */
export interface ServedLan {
  readonly interface: string
  readonly subnet: number | undefined
  readonly prefixes: readonly Prefix[] // in each network that it is in
}

/** Leases for the status, and how many there are besides. */
export interface LeaseRows {
  readonly rows: readonly LeaseRow[]
  readonly leftOut: number
}

const usualMost = 65_536 // our own: of a million, which a stranger can take, the answer alone would fill the memory

/** The leases of the LANs that are served now, by address, a row for each network of the LAN: about so many at most. */
export function leaseRows(
  bindings: Iterable<Binding>,
  quarantine: Iterable<Quarantine>,
  lans: readonly ServedLan[],
  now: number,
  most = usualMost,
): LeaseRows {
  const bySubnet = new Map(lans.map(lan => [lan.subnet, lan]))
  const rows: LeaseRow[] = []
  let leftOut = 0
  for (const binding of bindings) {
    const { subnet, host, duid, iaid, mac, hostname, preferredUntil, validUntil, state, delegated } = binding
    const lan = bySubnet.get(subnet)
    if (!lan) continue
    if (rows.length >= most) {
      leftOut++
      continue
    }
    const isBound = state === 'bound' && validUntil > now
    for (const prefix of lan.prefixes)
      rows.push({
        duid,
        iaid,
        type: delegated ? 'IA_PD' : 'IA_NA',
        address: delegated ? prefixOfDelegation(prefix, binding).address : addressOf(prefix, host),
        prefixLength: delegated?.length ?? 128,
        interface: lan.interface,
        subnet,
        linkLayerAddress: mac ?? macOfDuid(duid),
        hostname,
        preferredUntil,
        validUntil,
        state: state === 'bound' && !isBound ? 'expired' : state,
        changedAt: isBound ? binding.grantedAt : validUntil,
      })
  }
  for (const { subnet, host, duid, iaid, mac, registeredAt, until } of quarantine) {
    const lan = bySubnet.get(subnet)
    if (!lan || until <= now) continue
    for (const prefix of lan.prefixes)
      rows.push({
        duid,
        iaid,
        type: 'IA_NA',
        address: addressOf(prefix, host),
        prefixLength: 128,
        interface: lan.interface,
        subnet,
        linkLayerAddress: mac ?? macOfDuid(duid),
        hostname: undefined,
        preferredUntil: until,
        validUntil: until,
        state: registeredAt === undefined ? 'declined' : 'registered',
        changedAt: registeredAt ?? until - quarantineTime,
      })
  }
  return { rows: rows.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0)), leftOut }
}
