/** The sockets of the resolver on the overlay link, and what the kernel holds there. Nothing else in this folder touches the system. */
import type { KernelError } from '../base/errors.ts'
import type { Ip6, Prefix } from '../base/ip6.ts'
import { solicitationFilter } from '../plane/solicitation-filter.ts'
import { heldAddresses } from '../system/addresses.ts'
import type { Endpoint, FrameIn, FrameOut, LinkRef } from '../system/endpoint.ts'
import { openNetlink } from '../system/netlink.ts'
import { openPacket } from '../system/packet.ts'

export type { Endpoint, FrameIn, FrameOut, LinkRef }

const ipv6EtherType = 0x86dd
const group = { neighbours: 3, addresses: 9 } // RTNLGRP_NEIGH, RTNLGRP_IPV6_IFADDR
const receiveBuffer = 4 << 20 // a scan of the network asks for many neighbours at once

/** The kernel's questions and our answers. */
export interface QuestionSocket extends Disposable {
  listen(onDatagram: (bytes: Uint8Array) => void, onError: (error: KernelError) => void): void
  send(datagram: Uint8Array): void
}

/** Everything the resolver needs of the machine; a test has one of its own. */
export interface Sockets {
  questions(): QuestionSocket
  solicitations(link: LinkRef, prefix: Prefix): Endpoint<FrameIn, FrameOut>
  held(link: LinkRef): ReadonlySet<Ip6>
}

/** The machine's own. Each throws a KernelError. */
export const systemSockets: Sockets = {
  questions() {
    const socket = openNetlink({ protocol: 0, receiveBuffer })
    socket.join(group.neighbours)
    socket.join(group.addresses)
    return socket
  },
  // All multicast: peers solicit groups of addresses that no interface here has.
  solicitations: (link, prefix) =>
    openPacket({ link, etherType: ipv6EtherType, filter: solicitationFilter(prefix), allMulticast: true }),
  held: link => heldAddresses(link.index),
}
