import { prefixOf } from '../base/ip6.ts'
import { Attributes, addressAttribute, encodeBody, inet6 } from './codec.ts'
import type { Rule } from './kernel.ts'

/** struct fib_rule_hdr, linux/fib_rules.h: family 0, dst_len 1, src_len 2, tos 3, table 4, action 7, flags 8 (u32). */
const headerSize = 12
const attribute = { DST: 1, SRC: 2, IIFNAME: 3, PRIORITY: 6, SUPPRESS_PREFIXLEN: 14, TABLE: 15, PROTOCOL: 21 } as const
const actions = { lookup: 1, prohibit: 8 } as const // FR_ACT_TO_TBL, FR_ACT_PROHIBIT
const noSuppression = 0xffff_ffff

/** Undefined for actions that we have no word for (goto, unreachable …): none of ours. */
export function decodeRule(body: Buffer): Rule | undefined {
  const attributes = new Attributes(body, headerSize)
  const action = body.readUInt8(7)
  if (body.readUInt8(0) !== inet6 || (action !== actions.lookup && action !== actions.prohibit)) return undefined
  const destination = attributes.address(attribute.DST)
  const source = attributes.address(attribute.SRC)
  const suppress = attributes.u32(attribute.SUPPRESS_PREFIXLEN) ?? noSuppression
  const table = attributes.u32(attribute.TABLE) ?? body.readUInt8(4)
  return {
    priority: attributes.u32(attribute.PRIORITY) ?? 0,
    ...(source !== undefined && { source: prefixOf(source, body.readUInt8(2)) }),
    destination: destination === undefined ? undefined : prefixOf(destination, body.readUInt8(1)),
    inputLink: attributes.text(attribute.IIFNAME),
    action:
      action === actions.prohibit
        ? { kind: 'prohibit' }
        : { kind: 'lookup', table, ...(suppress === noSuppression ? {} : { suppressPrefixLength: suppress }) },
    protocol: attributes.u8(attribute.PROTOCOL) ?? 0,
  }
}

export function encodeRuleDump(): Uint8Array {
  return encodeBody(headerOf(0, 0, 0), [])
}

export function encodeRule({ priority, source, destination, inputLink, action, protocol }: Rule): Uint8Array {
  return encodeBody(headerOf(destination?.length ?? 0, source?.length ?? 0, actions[action.kind]), [
    [attribute.DST, addressAttribute(destination?.address)],
    [attribute.SRC, addressAttribute(source?.address)],
    [attribute.IIFNAME, inputLink],
    [attribute.PRIORITY, priority],
    [attribute.SUPPRESS_PREFIXLEN, action.kind === 'lookup' ? action.suppressPrefixLength : undefined],
    [attribute.TABLE, action.kind === 'lookup' ? action.table : undefined],
    [attribute.PROTOCOL, Uint8Array.of(protocol)],
  ])
}

function headerOf(length: number, sourceLength: number, action: number): Buffer {
  const header = Buffer.alloc(headerSize)
  header.writeUInt8(inet6, 0)
  header.writeUInt8(length, 1)
  header.writeUInt8(sourceLength, 2)
  header.writeUInt8(action, 7)
  return header
}
