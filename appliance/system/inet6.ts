/** What UDP and raw ICMPv6 sockets share: addresses, ancillary data and options of IPv6. */
import { bytesOf, fromBytes, type Ip6 } from '../base/ip6.ts'
import type { LinkRef } from './endpoint.ts'
import type { Socket } from './socket.ts'
import type { ControlMessage } from './vector.ts'

/** linux/in6.h */
export const ipv6 = {
  level: 41,
  UNICAST_HOPS: 16,
  MULTICAST_IF: 17,
  MULTICAST_HOPS: 18,
  MULTICAST_LOOP: 19,
  ADD_MEMBERSHIP: 20,
  V6ONLY: 26,
  MULTICAST_ALL: 29,
  RECVPKTINFO: 49,
  PKTINFO: 50,
  RECVHOPLIMIT: 51,
  HOPLIMIT: 52,
  HOPOPTS: 54,
  RECVFRAGSIZE: 77,
} as const

/** struct sockaddr_in6: sin6_family 0, sin6_port 2 (big-endian), sin6_flowinfo 4, sin6_addr 8, sin6_scope_id 24. */
export const sockaddrSize = 28

const family = 10

export function writeSockaddr(view: DataView, address: Ip6, port: number, scope: number): void {
  view.setUint16(0, family, true)
  view.setUint16(2, port)
  view.setUint32(4, 0)
  view.setBigUint64(8, address >> 64n)
  view.setBigUint64(16, BigInt.asUintN(64, address))
  view.setUint32(24, scope, true)
}

export function sockaddr(address: Ip6, port: number, scope: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(sockaddrSize))
  writeSockaddr(new DataView(bytes.buffer), address, port, scope)
  return bytes
}

export function readAddress(view: DataView, offset: number): Ip6 {
  return ((view.getBigUint64(offset) << 64n) | view.getBigUint64(offset + 8)) as Ip6
}

/** Reads addresses of which the next is often the last one again: that costs no new number. */
export class AddressReader {
  #last = 0n as Ip6
  readonly #words = new Uint32Array(4)

  read(view: DataView, offset: number): Ip6 {
    const words = this.#words
    let same = true
    for (let i = 0; i < 4; i++) {
      const word = view.getUint32(offset + i * 4)
      if (words[i] === word) continue
      words[i] = word
      same = false
    }
    if (!same) this.#last = readAddress(view, offset)
    return this.#last
  }
}

/** struct in6_pktinfo: the address, then the link as an int (ipv6(7)). */
export function packetInfo(address: Ip6, link: number): ControlMessage {
  const data = new Uint8Array(20)
  data.set(bytesOf(address))
  new DataView(data.buffer).setInt32(16, link, true)
  return { level: ipv6.level, type: ipv6.PKTINFO, data }
}

export function readPacketInfo(data: DataView): { readonly address: Ip6; readonly link: number } {
  const octets = new Uint8Array(data.buffer, data.byteOffset, 16)
  return { address: fromBytes(octets), link: data.getInt32(16, true) }
}

/** Joins a group on a link. struct ipv6_mreq: the group, then the link as an int. */
export function join(socket: Socket, group: Ip6, link: LinkRef): void {
  const request = new Uint8Array(new ArrayBuffer(20))
  request.set(bytesOf(group))
  new DataView(request.buffer).setInt32(16, link.index, true)
  socket.set(ipv6.level, ipv6.ADD_MEMBERSHIP, request, 'join a multicast group on')
}
