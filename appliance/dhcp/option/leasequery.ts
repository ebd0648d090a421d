/** Options of questions about leases. RFC 5007 section 4.1.2. */
import { bytesOf, fromBytes, type Ip6 } from '../../base/ip6.ts'
import { readAddresses, writeAddresses } from './addresses.ts'
import type { Nested, OptionCodec } from './codec.ts'

/** The question; a link of `::` is all links. RFC 5007 section 4.1.2.1. */
export interface QueryOf<Inner> {
  readonly kind: 'lq-query'
  readonly queryType: number
  readonly link: Ip6
  readonly options: readonly Inner[]
}

/** What is known of one client on one link. RFC 5007 section 4.1.2.2. */
export interface ClientDataOf<Inner> {
  readonly kind: 'client-data'
  readonly options: readonly Inner[]
}

/** How many seconds ago the server last heard of the client. RFC 5007 section 4.1.2.3. */
export interface LastTransaction {
  readonly kind: 'clt-time'
  readonly seconds: number
}

/** The links on which the client has leases, where it has on several. RFC 5007 section 4.1.2.5. */
export interface ClientLinks {
  readonly kind: 'lq-client-link'
  readonly links: readonly Ip6[]
}

export function lqQuery<Inner>(nested: Nested<Inner>): OptionCodec<QueryOf<Inner>> {
  return {
    code: 44,
    encode: ({ queryType, link, options }, out) => nested.encode(options, out.u8(queryType).bytes(bytesOf(link))),
    decode: (body, depth) => ({
      kind: 'lq-query',
      queryType: body.u8(),
      link: fromBytes(body.bytes(16)),
      options: nested.decode(body, depth + 1),
    }),
  }
}

export function clientData<Inner>(nested: Nested<Inner>): OptionCodec<ClientDataOf<Inner>> {
  return {
    code: 45,
    encode: ({ options }, out) => nested.encode(options, out),
    decode: (body, depth) => ({ kind: 'client-data', options: nested.decode(body, depth + 1) }),
  }
}

export const cltTime: OptionCodec<LastTransaction> = {
  code: 46,
  encode: ({ seconds }, out) => void out.u32(seconds),
  decode: body => ({ kind: 'clt-time', seconds: body.u32() }),
}

export const lqClientLink: OptionCodec<ClientLinks> = {
  code: 48,
  encode: ({ links }, out) => writeAddresses(links, out),
  decode: body => ({ kind: 'lq-client-link', links: readAddresses(body) }),
}
