import { type InterfaceAddress4, type Ip4, isHostOf } from '../base/ip4.ts'
import type { Mac } from '../base/mac.ts'
import type { Client4 } from './client.ts'

/** What hosts of one LAN get. */
export interface Scope4 {
  readonly subnet: InterfaceAddress4 // our own address there
  readonly pool: { readonly first: Ip4; readonly last: Ip4 }
  readonly routers: readonly Ip4[]
  readonly dns: { readonly servers: readonly Ip4[]; readonly search: readonly string[] }
  readonly lifetimes: { readonly valid: number; readonly t1: number; readonly t2: number } // seconds
  readonly v6OnlyPreferred: number | undefined // seconds that a host with IPv6 may do without IPv4
  readonly reservations: readonly Reservation4[]
  /** Whether hosts get new addresses although another server is on the LAN. */
  readonly besideOthers: boolean
}

/** What a host always gets. It is known by the first of these that is given. */
export interface Reservation4 {
  readonly clientId?: string | undefined // hex with colons
  readonly hwAddress?: Mac | undefined
  readonly hostname?: string | undefined
  readonly ipAddress: Ip4
}

/** An identifier comes before a MAC, and that before a name, which anybody can take. */
export function reservationOf({ reservations }: Scope4, client: Client4): Reservation4 | undefined {
  if (reservations.length === 0) return undefined
  return (
    reservations.find(({ clientId }) => clientId !== undefined && clientId === client.id) ??
    reservations.find(each => each.clientId === undefined && each.hwAddress === client.mac) ??
    reservations.find(
      ({ clientId, hwAddress, hostname }) =>
        clientId === undefined && hwAddress === undefined && hostname === client.hostname,
    )
  )
}

/** Whether we may give this address to anybody by itself. */
export const isInPool = ({ subnet, pool }: Scope4, address: Ip4): boolean =>
  address >= pool.first && address <= pool.last && isHostOf(subnet, address) && address !== subnet.address
