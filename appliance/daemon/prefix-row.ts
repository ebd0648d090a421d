/** What became of a prefix with a name, in the words of the API, and what is odd about it. */
import { addressIn, contains, formatIp6, formatPrefix, type Ip6, type Prefix } from '../base/ip6.ts'
import type { PrefixRow } from '../http/api.ts'
import type { KernelState } from '../netlink/kernel.ts'
import { formatNetworkId, type NetworkId } from '../plane/sixplane.ts'
import { hasRoute } from './delegations.ts'
import { type NamedPrefix, nextHopIn, prefixIn, type Surroundings, type Way, wayOf } from './named-prefix.ts'

export function rowOf(named: NamedPrefix, surroundings: Surroundings, kernel: KernelState | undefined): PrefixRow {
  const { site } = surroundings
  const prefix = prefixIn(site, named)
  const way = wayOf(named, surroundings)
  const reason = reasonOf(way, prefix, kernel)
  const { name, via, interface: link, length, allocatedAt } = named
  return {
    name,
    prefix: formatPrefix(prefix),
    network: formatNetworkId(site.network),
    routerAddress: length > 126 ? null : formatIp6(addressIn(prefix, 1n)),
    via: via === undefined ? null : formatIp6(nextHopIn(site, via)),
    interface: link ?? (way.kind === 'way' ? way.link : null),
    state: reason !== undefined ? 'waiting' : way.kind === 'kept' ? 'kept' : 'routed',
    reason: reason ?? null,
    allocatedAt: new Date(allocatedAt).toISOString(),
  }
}

function reasonOf(way: Way, prefix: Prefix, kernel: KernelState | undefined): string | undefined {
  switch (way.kind) {
    case 'kept':
      return undefined
    case 'none':
      return way.reason
    case 'way':
      return missing(way.link, way.via, prefix, kernel)
    default:
      return way satisfies never
  }
}

/** Of a network that this router is in no longer: the site's bits are not known. */
export function lostRow(
  { name, host, length, interface: link, allocatedAt }: NamedPrefix,
  network: NetworkId,
): PrefixRow {
  const id = formatNetworkId(network)
  return {
    name,
    prefix: formatPrefix({ address: BigInt(host) as Ip6, length }),
    network: id,
    routerAddress: null,
    via: null,
    interface: link ?? null,
    state: 'waiting',
    reason: `is of network ${id}, which is none of the overlays: siteplane prefix release ${name} gives it up`,
    allocatedAt: new Date(allocatedAt).toISOString(),
  }
}

/** An interface that still has addresses of the site before it was renumbered, or of another prefix of it. */
export function stale(named: NamedPrefix, surroundings: Surroundings, kernel: KernelState | undefined): string[] {
  const { site } = surroundings
  const way = wayOf(named, surroundings)
  const link = kernel?.links.find(({ name }) => way.kind === 'way' && way.via === undefined && name === way.link)
  const prefix = prefixIn(site, named)
  const ours = (kernel?.addresses ?? []).filter(
    each => each.link === link?.index && contains(site.networkPrefix, each.address),
  )
  const [other] = ours
  if (!link || !other || ours.some(({ address }) => contains(prefix, address))) return []
  return [
    `${link.name} has ${formatIp6(other.address)}, which is not of ${formatPrefix(prefix)}, the prefix of ${named.name}: what is behind it can't be reached until it has ${formatIp6(addressIn(prefix, 1n))}`,
  ]
}

/** What the route waits for, as a clause; undefined where the kernel has it. */
function missing(
  link: string,
  via: Ip6 | undefined,
  prefix: Prefix,
  kernel: KernelState | undefined,
): string | undefined {
  const found = kernel?.links.find(({ name }) => name === link)
  if (!kernel) return 'waits for the kernel to be looked at'
  if (!found) return `waits for interface ${link}, which does not exist`
  if (!found.up) return `waits for interface ${link} to be set up: ip link set ${link} up`
  return hasRoute(kernel, found.index, prefix, via) ? undefined : 'waits for its route: siteplane status may say why'
}
