/** The replies of a server, and where they go. RFC 2131 sections 4.1 and 4.3.1. */
import { broadcast4, type Ip4, ip4Bytes, unspecified4 } from '../base/ip4.ts'
import { type Mac, parseMac } from '../base/mac.ts'
import { type Message4, option, type Type4, type4 } from './message.ts'
import { leaseOptions, networkOptions } from './option.ts'
import type { Scope4 } from './scope.ts'

/** A message and whom it is for. A host that has no address yet is found by its MAC alone. */
export interface Reply4 {
  readonly type: Type4
  readonly message: Message4
  readonly mac: Mac
  readonly address: Ip4
}

type Given = Iterable<readonly [number, Uint8Array]>

const everyone = parseMac('ff:ff:ff:ff:ff:ff')

export function offered(message: Message4, scope: Scope4, address: Ip4): Reply4 {
  const options = [...leaseOptions(scope), ...networkOptions(scope, message)]
  return reply('offer', message, scope, { yiaddr: address, ciaddr: unspecified4 }, options)
}

export function acknowledged(message: Message4, scope: Scope4, address: Ip4): Reply4 {
  return reply('ack', message, scope, { yiaddr: address }, [...leaseOptions(scope), ...networkOptions(scope, message)])
}

/** Without an address and without times: it isn't ours. */
export function informed(message: Message4, scope: Scope4): Reply4 {
  return reply('ack', message, scope, {}, networkOptions(scope, message))
}

/** Everyone hears it: the client's own address may be the very thing that is wrong. */
export function refused(message: Message4, scope: Scope4, why: string): Reply4 {
  const options: Given = [[option.message, new TextEncoder().encode(why)]]
  const { message: told, type } = reply('nak', message, scope, { ciaddr: unspecified4 }, options)
  return { type, message: told, mac: everyone, address: broadcast4 }
}

function reply(
  type: Type4,
  asked: Message4,
  { subnet }: Scope4,
  addresses: { readonly yiaddr?: Ip4; readonly ciaddr?: Ip4 },
  options: Given,
): Reply4 {
  const { xid, mac, broadcast, giaddr } = asked
  const { yiaddr = unspecified4, ciaddr = asked.ciaddr } = addresses
  const id = asked.options.get(option.clientIdentifier)
  const echoed = id && id.length <= 255 ? ([[option.clientIdentifier, id]] as const) : []
  const message: Message4 = {
    op: 'reply',
    xid,
    broadcast,
    ciaddr,
    yiaddr,
    giaddr,
    mac,
    options: new Map([
      [option.messageType, Uint8Array.of(type4[type])],
      [option.serverIdentifier, ip4Bytes(subnet.address)],
      ...options,
      // Several clients may share a card. RFC 6842 section 3.
      ...echoed,
    ]),
  }
  if (ciaddr !== 0) return { type, message, mac, address: ciaddr }
  if (broadcast) return { type, message, mac: everyone, address: broadcast4 }
  return { type, message, mac, address: yiaddr }
}
