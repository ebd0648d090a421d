import { contains, type Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { Site } from '../plane/site.ts'
import { macOf, type NodeAddress, owner, rfc4193Owner, rfc4193Prefix } from '../plane/sixplane.ts'

/**
 * The MAC behind an address of the overlay network: its owner's, computed. Undefined for our own addresses, for those of no
 * network, and for owners that can't exist, so that the kernel finds them unreachable by itself.
 */
export function macBehind(site: Site, address: Ip6): Mac | undefined {
  const node = nodeBehind(site, address)
  return node === undefined || node === site.node || isReserved(node) ? undefined : macOf(site.network, node)
}

function nodeBehind(site: Site, address: Ip6): NodeAddress | undefined {
  if (contains(site.networkPrefix, address)) return owner(address)
  if (contains(rfc4193Prefix(site.network), address)) return rfc4193Owner(address)
  return undefined
}

/** ZeroTier gives nobody 0 or an address that starts with ff. */
const isReserved = (node: NodeAddress): boolean => node === 0n || node >> 32n === 0xffn
