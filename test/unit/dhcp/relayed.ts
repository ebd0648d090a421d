import { Writer } from '../../../appliance/base/bytes.ts'
import { bytesOf, parseIp6 } from '../../../appliance/base/ip6.ts'
import type { Hop } from '../../../appliance/dhcp/relay-message.ts'

export const peer = parseIp6('fe80::ff:fe00:a') // made of macA
export const link = parseIp6('fc9c:56c2:e389:e92c:eee5:8500::1') // ::1 of subnet 5

export const hop = (over: Partial<Hop> = {}): Hop => ({
  hopCount: 0,
  linkAddress: link,
  peerAddress: peer,
  options: [],
  ...over,
})

/** A Relay-forward as a chain of relays makes it; the hop nearest to the server first. */
export function forward(hops: readonly Hop[], message: Uint8Array): Uint8Array {
  return hops.reduceRight((inner, { hopCount, linkAddress, peerAddress, options }) => {
    const out = new Writer()
    out.u8(12).u8(hopCount).bytes(bytesOf(linkAddress)).bytes(bytesOf(peerAddress))
    for (const { code, bytes } of options) out.u16(code).sized16(body => body.bytes(bytes))
    out.u16(9).sized16(body => body.bytes(inner)) // last, as most relays do it
    return out.take()
  }, message)
}
