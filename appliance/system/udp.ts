import { type Ip6, unspecified } from '../base/ip6.ts'
import type { Endpoint, LinkRef, UdpIn, UdpOut } from './endpoint.ts'
import { AddressReader, ipv6, join, sockaddr, sockaddrSize, writeSockaddr } from './inet6.ts'
import { BatchEndpoint, configured, type Dialect, Socket, so } from './socket.ts'

const slots = 128 // what waits in the socket when it is busy: one batch, and for a server of leases one sync of the disk
const longest = 16_384 // far more than any message that fits a few fragments

/**
 * A UDP socket for IPv6 on one link: `[::]:port`, member of the groups there, deaf on all other links, so that each LAN may have
 * one of its own on the same port. Who shares it by SO_REUSEADDR may come later, as dnsmasq does for a bridge of libvirt or Incus; the
 * kernel prefers a socket that is bound to the link. `overflowed` counts what the kernel had no room for. Throws a KernelError
 * (EADDRINUSE where another server holds the port).
 */
export function openUdp(options: {
  readonly link: LinkRef
  readonly port: number
  readonly groups: readonly Ip6[]
  readonly receiveBuffer?: number
}): Endpoint<UdpIn, UdpOut> & { readonly overflowed: number } {
  const { link, port, groups } = options
  const socket = configured(new Socket(so.AF_INET6, so.SOCK_DGRAM, 0, link.name), s => {
    s.bindToLink(link)
    s.set(ipv6.level, ipv6.V6ONLY, 1, 'set options of a socket on')
    s.set(ipv6.level, ipv6.RECVPKTINFO, 1, 'set options of a socket on')
    s.set(ipv6.level, ipv6.MULTICAST_IF, link.index, 'set options of a socket on')
    s.set(ipv6.level, ipv6.MULTICAST_LOOP, 0, 'set options of a socket on')
    s.set(so.SOL_SOCKET, so.SO_RXQ_OVFL, 1, 'set options of a socket on')
    s.trySet(ipv6.level, ipv6.MULTICAST_ALL, 0) // only the groups that this socket joined
    s.receiveBuffer(options.receiveBuffer ?? 1 << 20)
    s.bind(sockaddr(unspecified, port, 0), `bind UDP port ${port} on`)
    s.set(so.SOL_SOCKET, so.SO_REUSEADDR, 1, 'let others share the port on')
    for (const group of groups) join(s, group, link)
  })

  let overflowed = 0
  const senders = new AddressReader()
  const destinations = new AddressReader()
  const dialect: Dialect<UdpIn, UdpOut> = {
    receive: { slots, size: longest, name: sockaddrSize, control: 64 },
    transmit: { slots, size: longest, name: sockaddrSize, control: 0 },
    read(vector, i, bytes) {
      const info = vector.controlAt(i, ipv6.level, ipv6.PKTINFO, 20)
      if (info < 0) return undefined
      const { memory } = vector
      const lost = vector.controlAt(i, so.SOL_SOCKET, so.SO_RXQ_OVFL, 4)
      if (lost >= 0) overflowed = memory.getUint32(lost, true)
      const name = vector.nameAt(i)
      return {
        bytes,
        address: senders.read(memory, name + 8),
        destination: destinations.read(memory, info),
        port: memory.getUint16(name + 2),
        link: memory.getInt32(info + 16, true),
      }
    },
    write(vector, i, message) {
      writeSockaddr(vector.name(i), message.address, message.port, link.index)
      return vector.fill(i, message.bytes, sockaddrSize)
    },
  }
  const endpoint = new BatchEndpoint(socket, dialect)
  return Object.defineProperty(endpoint, 'overflowed', { get: () => overflowed }) as typeof endpoint & {
    readonly overflowed: number
  }
}
