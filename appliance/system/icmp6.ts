import type { Ip6 } from '../base/ip6.ts'
import { unspecified } from '../base/ip6.ts'
import type { Endpoint, IcmpIn, IcmpOut, LinkRef } from './endpoint.ts'
import { ipv6, join, packetInfo, readAddress, readPacketInfo, sockaddrSize, writeSockaddr } from './inet6.ts'
import { BatchEndpoint, configured, type Dialect, int32, Socket, so } from './socket.ts'
import type { ControlMessage } from './vector.ts'

const icmp6 = { protocol: 58, FILTER: 1 } // linux/icmpv6.h
const slots = 32
const longest = 9_216 // a jumbo frame: neighbour discovery is never fragmented

/** Hop-by-hop options header with one router alert (IPV6_TLV_ROUTERALERT, linux/in6.h), value 0, padded to 8 octets. */
const routerAlert: ControlMessage = {
  level: ipv6.level,
  type: ipv6.HOPOPTS,
  data: Uint8Array.of(0, 0, 5, 2, 0, 0, 1, 0),
}

/**
 * A raw ICMPv6 socket on one link that hears only the given types. It sends with hop limit 255 and doesn't hear itself. Throws a
 * KernelError (EPERM without CAP_NET_RAW).
 */
export function openIcmp(options: {
  readonly link: LinkRef
  readonly types: readonly number[]
  readonly groups: readonly Ip6[]
}): Endpoint<IcmpIn, IcmpOut> {
  const { link } = options
  const socket = configured(new Socket(so.AF_INET6, so.SOCK_RAW, icmp6.protocol, link.name), s => {
    s.set(icmp6.protocol, icmp6.FILTER, passOnly(options.types), 'filter ICMPv6 types on')
    s.bindToLink(link)
    const flags = [ipv6.RECVPKTINFO, ipv6.RECVHOPLIMIT]
    for (const name of flags) s.set(ipv6.level, name, 1, 'set options of a socket on')
    s.set(ipv6.level, ipv6.UNICAST_HOPS, 255, 'set options of a socket on')
    s.set(ipv6.level, ipv6.MULTICAST_HOPS, 255, 'set options of a socket on')
    s.set(ipv6.level, ipv6.MULTICAST_LOOP, 0, 'set options of a socket on')
    s.set(ipv6.level, ipv6.MULTICAST_IF, link.index, 'set options of a socket on')
    s.trySet(ipv6.level, ipv6.MULTICAST_ALL, 0)
    s.trySet(ipv6.level, ipv6.RECVFRAGSIZE, 1)
    s.receiveBuffer(1 << 20)
    for (const group of options.groups) join(s, group, link)
  })

  const dialect: Dialect<IcmpIn, IcmpOut> = {
    receive: { slots, size: longest, name: sockaddrSize, control: 128 },
    transmit: { slots, size: longest, name: sockaddrSize, control: 96 },
    read(vector, i, bytes) {
      const control = vector.control(i, ipv6.level)
      const info = control.get(ipv6.PKTINFO)
      const hops = control.get(ipv6.HOPLIMIT)
      if (!info || !hops || control.has(ipv6.RECVFRAGSIZE)) return undefined // it came in fragments
      const { address: destination, link: arrival } = readPacketInfo(info)
      const source = readAddress(vector.name(i), 8)
      return { bytes, source, destination, hopLimit: hops.getInt32(0, true), link: arrival }
    },
    write(vector, i, message) {
      const control: ControlMessage[] = [packetInfo(message.source ?? unspecified, link.index)]
      if (message.hopLimit !== undefined)
        control.push({ level: ipv6.level, type: ipv6.HOPLIMIT, data: int32(message.hopLimit) })
      if (message.routerAlert) control.push(routerAlert)
      writeSockaddr(vector.name(i), message.destination, 0, link.index)
      return vector.fill(i, message.bytes, sockaddrSize, control)
    },
  }
  return new BatchEndpoint(socket, dialect)
}

/** struct icmp6_filter: 256 bits, set where a type is blocked (linux/icmpv6.h). */
function passOnly(types: readonly number[]): Uint8Array {
  const words = new Uint32Array(8).fill(0xffff_ffff)
  for (const type of types) words[type >> 5]! &= ~(1 << (type & 31))
  return new Uint8Array(words.buffer)
}
