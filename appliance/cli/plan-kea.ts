import { formatIp6, formatPrefix } from '../base/ip6.ts'
import type { Format, ServedLan, ServedReservation } from './plan-format.ts'
import { json } from './terminal.ts'

/** kea-dhcp6.conf, whole. Kea serves a LAN by its interface and needs no address in it. */
export const kea: Format = {
  part: 'addresses',
  comment: '//',
  place: 'kea-dhcp6.conf; in one that is there already, add the interface and the subnet6',
  text: lans =>
    json({
      Dhcp6: {
        'interfaces-config': { interfaces: lans.map(lan => lan.interface) },
        'lease-database': { type: 'memfile', persist: true },
        subnet6: lans.map(subnet),
      },
    }),
}

function subnet(lan: ServedLan): object {
  const { plan, leases, dns, reservations } = lan
  return {
    id: (plan.subnet ?? -1) + 2, // Kea knows leases by it: the same whichever other LANs there are
    subnet: formatPrefix(plan.prefix),
    interface: lan.interface,
    pools: [{ pool: `${formatIp6(plan.dynamic.first)} - ${formatIp6(plan.dynamic.last)}` }],
    'preferred-lifetime': leases.preferred,
    'valid-lifetime': leases.valid,
    'renew-timer': leases.t1,
    'rebind-timer': leases.t2,
    'option-data': [
      ...(dns.servers.length === 0 ? [] : [{ name: 'dns-servers', data: dns.servers.map(formatIp6).join(', ') }]),
      ...(dns.search.length === 0 ? [] : [{ name: 'domain-search', data: dns.search.join(', ') }]),
    ],
    ...(reservations.length > 0 && { reservations: reservations.map(reservation) }),
  }
}

function reservation({ duid, mac, hostname, addresses }: ServedReservation): object {
  return {
    ...(duid === undefined ? { 'hw-address': mac } : { duid }),
    ...(hostname !== undefined && { hostname }),
    'ip-addresses': addresses.map(formatIp6),
  }
}
