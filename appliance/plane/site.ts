import type { Ip6, Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { macOf, type NetworkId, type NodeAddress, networkPrefix, nodeAddressOf, sitePrefix } from './sixplane.ts'

/** This router's place in one overlay network: two numbers, and what follows from them. */
export interface Site {
  readonly network: NetworkId
  readonly node: NodeAddress
  readonly networkPrefix: Prefix // the /40
  readonly sitePrefix: Prefix // the /80
  readonly address: Ip6 // ::1 of the /80, the router's own
  readonly mac: Mac // of the overlay interface
}

export function siteOf(network: NetworkId, node: NodeAddress): Site {
  return {
    network,
    node,
    networkPrefix: networkPrefix(network),
    sitePrefix: sitePrefix(network, node),
    address: nodeAddressOf(network, node),
    mac: macOf(network, node),
  }
}

/** Whether two sites are the same place: the same node of the same network. */
export function sameSite(a: Site | undefined, b: Site | undefined): boolean {
  return a?.network === b?.network && a?.node === b?.node
}
