import { checksum } from '../../../appliance/base/checksum.ts'
import { bytesOf, type Ip6, isMulticast } from '../../../appliance/base/ip6.ts'
import { type Mac, macBytes, multicastMac } from '../../../appliance/base/mac.ts'
import { encodeMessage, type Message } from '../../../appliance/ndp/message.ts'

export interface FrameParts {
  readonly from: Mac
  readonly to?: Mac // needed where the destination is no group
  readonly source: Ip6
  readonly destination: Ip6
  readonly hopLimit?: number
  readonly damaged?: boolean // a checksum that is wrong
}

/** A whole Ethernet frame with an ICMPv6 message, checksum included. */
export function icmp6Frame(message: Message | Uint8Array, parts: FrameParts): Uint8Array {
  const body = message instanceof Uint8Array ? message.slice() : encodeMessage(message)
  const { from, to, source, destination, hopLimit = 255, damaged = false } = parts
  const sum = checksum(source, destination, 58, body) ^ (damaged ? 1 : 0)
  body.set([sum >> 8, sum & 0xff], 2)
  const mac = isMulticast(destination) ? multicastMac(destination) : to!
  return Uint8Array.from([
    ...macBytes(mac),
    ...macBytes(from),
    ...[0x86, 0xdd, 0x60, 0, 0, 0, body.length >> 8, body.length & 0xff, 58, hopLimit],
    ...bytesOf(source),
    ...bytesOf(destination),
    ...body,
  ])
}
