import { bytesOf, fromBytes, type Ip6 } from '../base/ip6.ts'
import type { OptionCodec } from './option-codec.ts'

/** Recursive DNS servers, the best first. RFC 8106 section 5.1. */
export interface Rdnss {
  readonly servers: readonly Ip6[] // at least one
  readonly lifetime: number // seconds; 0 withdraws, 0xffffffff is forever
}

export const rdnss: OptionCodec<Rdnss> = {
  type: 25,

  encode({ servers, lifetime }, out) {
    if (servers.length === 0) throw new RangeError('a list of no DNS servers')
    out.zeros(2).u32(lifetime)
    for (const server of servers) out.bytes(bytesOf(server))
  },

  decode(body) {
    const lifetime = body.skip(2).u32()
    // RFC 8106 section 5.3.1: a length that is even or less than 3 makes the option, not the message, worthless.
    if (body.left === 0 || body.left % 16 !== 0) return undefined
    const servers: Ip6[] = []
    while (body.left > 0) servers.push(fromBytes(body.bytes(16)))
    return { servers, lifetime }
  },
}
