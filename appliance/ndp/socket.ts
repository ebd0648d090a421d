/** The sockets of neighbour discovery on one LAN. Nothing else in this folder touches the system. */
import { allNodes, allRouters, type Prefix } from '../base/ip6.ts'
import { solicitationFilter } from '../plane/solicitation-filter.ts'
import type { Endpoint, FrameIn, FrameOut, IcmpIn, IcmpOut, LinkRef } from '../system/endpoint.ts'
import { openIcmp } from '../system/icmp6.ts'
import { openPacket } from '../system/packet.ts'
import { messageType } from './message.ts'
import { multicastRouterType } from './multicast-router.ts'

export type { Endpoint, FrameIn, FrameOut, IcmpIn, IcmpOut, LinkRef }

const ipv6EtherType = 0x86dd

/** Hears solicitations for routers and what other routers say, as a member of all routers. Throws a KernelError. */
export function openRouterSocket(link: LinkRef): Endpoint<IcmpIn, IcmpOut> {
  return openIcmp({
    link,
    types: [messageType['router-solicitation'], messageType['router-advertisement'], multicastRouterType.solicitation],
    groups: [allRouters, allNodes], // RFC 4861 section 6.2.2, and what other routers multicast
  })
}

/** Sends and hears nothing. Throws a KernelError. */
export function openSendingSocket(link: LinkRef): Endpoint<IcmpIn, IcmpOut> {
  return openIcmp({ link, types: [], groups: [] })
}

/** Hears solicitations for neighbours in `prefix`, whatever group they are sent to. Throws a KernelError. */
export function openSolicitationSocket(link: LinkRef, prefix: Prefix): Endpoint<FrameIn, FrameOut> {
  return openPacket({ link, etherType: ipv6EtherType, filter: solicitationFilter(prefix), allMulticast: true })
}
