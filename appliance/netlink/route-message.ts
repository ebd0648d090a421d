import { type Ip6, prefixOf, unspecified } from '../base/ip6.ts'
import { Attributes, addressAttribute, encodeBody, inet6 } from './codec.ts'
import { mark, type Route, type RouteKind } from './kernel.ts'

/** struct rtmsg, rtnetlink(7): family 0, dst_len 1, src_len 2, tos 3, table 4, protocol 5, scope 6, type 7, flags 8 (u32). */
const headerSize = 12
const attribute = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, TABLE: 15 } as const
const kinds: Record<RouteKind, number> = { unicast: 1, blackhole: 6, unreachable: 7, prohibit: 8 }
const kindOf = new Map(Object.entries(kinds).map(([kind, value]) => [value, kind as RouteKind]))
const cloned = 0x200 // RTM_F_CLONED: a path MTU exception and its like, no route of the table

export const ownTable = 80

/** Undefined for what is no route of a table, or of a kind that we have no word for. */
export function decodeRoute(body: Buffer): Route | undefined {
  const attributes = new Attributes(body, headerSize)
  const kind = kindOf.get(body.readUInt8(7))
  if (body.readUInt8(0) !== inet6 || kind === undefined || body.readUInt32LE(8) & cloned) return undefined
  return {
    table: attributes.u32(attribute.TABLE) ?? body.readUInt8(4),
    kind,
    destination: prefixOf(attributes.address(attribute.DST) ?? unspecified, body.readUInt8(1)),
    // The kernel gives unreachable routes and their like the loopback as link.
    link: kind === 'unicast' ? attributes.u32(attribute.OIF) : undefined,
    via: attributes.address(attribute.GATEWAY),
    metric: attributes.u32(attribute.PRIORITY) ?? 0,
    protocol: body.readUInt8(5),
  }
}

/** Whether a route message may matter to us, by its fixed header alone: a burst of others' routes must cost nothing. */
export function isOurs(body: Buffer): boolean {
  return body.length >= headerSize && (body.readUInt8(4) === ownTable || body.readUInt8(5) === mark)
}

/** A dump that the kernel narrows to one table or to one protocol; older kernels dump everything. */
export function encodeRouteDump(only: { readonly table?: number; readonly protocol?: number }): Uint8Array {
  const header = headerOf({ table: only.table ?? 0, protocol: only.protocol ?? 0 })
  return encodeBody(header, [[attribute.TABLE, only.table]])
}

export function encodeRoute(route: Route): Uint8Array {
  const { table, destination, protocol, link, via, metric } = route
  const header = headerOf({
    table: table < 256 ? table : 0,
    protocol,
    length: destination.length,
    type: kinds[route.kind],
  })
  return encodeBody(header, [
    [attribute.DST, destination.length === 0 ? undefined : addressAttribute(destination.address as Ip6)],
    [attribute.OIF, link],
    [attribute.GATEWAY, addressAttribute(via)],
    [attribute.PRIORITY, metric],
    [attribute.TABLE, table],
  ])
}

function headerOf(fields: { table: number; protocol: number; length?: number; type?: number }): Buffer {
  const header = Buffer.alloc(headerSize)
  header.writeUInt8(inet6, 0)
  header.writeUInt8(fields.length ?? 0, 1)
  header.writeUInt8(fields.table, 4)
  header.writeUInt8(fields.protocol, 5)
  header.writeUInt8(fields.type ?? 0, 7)
  return header
}
