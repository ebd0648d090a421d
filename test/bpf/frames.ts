/** Frames for the programs: what a host, a peer or a stranger would send, with checksums that hold unless damaged. */
import { checksum } from '../../appliance/base/checksum.ts'
import {
  allNodes,
  bytesOf,
  type Ip6,
  isMulticast,
  parseIp6,
  solicitedNode,
  unspecified,
} from '../../appliance/base/ip6.ts'
import { type Mac, macBytes, multicastMac, parseMac } from '../../appliance/base/mac.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { type Site, siteOf } from '../../appliance/plane/site.ts'
import { type NodeAddress, parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'

export const network = parseNetworkId('610252ad3bc0ffee')
export const site: Site = siteOf(network, parseNodeAddress('be3ff01c29'))
export const peer: Site = siteOf(network, parseNodeAddress('ec776d499a'))
export const third: Site = siteOf(network, parseNodeAddress('0123456789'))
export const placeholder = parseMac('00:00:5e:00:53:01')
export const lan = {
  plan: lanPlan(site.sitePrefix, undefined),
  mac: parseMac('02:00:00:00:00:01'),
  linkLocal: parseIp6('fe80::1'),
  host: parseMac('02:00:00:00:00:02'),
}

export const siteOfNode = (node: bigint): Site => siteOf(network, node as NodeAddress)

/** An address of a site, by its host bits. */
export const at = (of: Site, host: bigint): Ip6 => (of.sitePrefix.address | host) as Ip6

export interface Parts {
  readonly from: Mac
  readonly to?: Mac // needed where the destination is no group
  readonly source: Ip6
  readonly destination: Ip6
  readonly next?: number
  readonly hops?: number
}

/** An Ethernet frame with an IPv6 packet. */
export function packet(parts: Parts, payload: Uint8Array = new Uint8Array(16)): Uint8Array {
  const { from, to, source, destination, next = 59, hops = 64 } = parts
  const mac = to ?? (isMulticast(destination) ? multicastMac(destination) : placeholder)
  return Uint8Array.from([
    ...macBytes(mac),
    ...macBytes(from),
    ...[0x86, 0xdd, 0x60, 0, 0, 0, payload.length >> 8, payload.length & 0xff, next, hops],
    ...bytesOf(source),
    ...bytesOf(destination),
    ...payload,
  ])
}

/** An ICMPv6 message in a frame, with its checksum. */
export function icmp6(message: readonly number[], parts: Parts & { readonly damaged?: boolean }): Uint8Array {
  const body = Uint8Array.from(message)
  const sum = checksum(parts.source, parts.destination, 58, body) ^ (parts.damaged ? 1 : 0)
  body.set([sum >> 8, sum & 0xff], 2)
  return packet({ hops: 255, ...parts, next: 58 }, body)
}

/** A neighbour solicitation, as Linux sends it. RFC 4861 section 4.3. */
export function solicitation(o: {
  target: Ip6
  from: Mac
  source: Ip6
  destination?: Ip6
  to?: Mac
  option?: readonly number[] // instead of the source link-layer address
  hops?: number
  code?: number
  damaged?: boolean
}): Uint8Array {
  const { target, from, source, destination = solicitedNode(target), option, code = 0, ...rest } = o
  const usual = source === unspecified ? [] : [1, 1, ...macBytes(from)]
  return icmp6([135, code, 0, 0, 0, 0, 0, 0, ...bytesOf(target), ...(option ?? usual)], {
    from,
    source,
    destination,
    ...rest,
  })
}

/** A neighbour advertisement. RFC 4861 section 4.4. */
export function advertisement(o: {
  target: Ip6
  mac: Mac
  from: Mac
  to?: Mac
  source: Ip6
  destination: Ip6
  flags: number
}): Uint8Array {
  const { target, mac, flags, ...parts } = o
  return icmp6([136, 0, 0, 0, flags, 0, 0, 0, ...bytesOf(target), 2, 1, ...macBytes(mac)], parts)
}

export { allNodes, unspecified }
