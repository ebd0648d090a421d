/** The addresses that packets have put into a set of nftables, with the MACs that sent them. */
import { fromBytes, type Ip6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import { type Mac, macFromBytes } from '../base/mac.ts'
import { Attributes, encodeBody } from './codec.ts'
import { netfilterProtocol, RequestSocket } from './transport.ts'

const ipv6 = 10 // NFPROTO_IPV6
const getElements = (10 << 8) | 13 // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM
const headerSize = 4 // struct nfgenmsg
const list = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const // enum nft_set_elem_list_attributes
const element = { KEY: 1, EXPIRATION: 5 } as const // enum nft_set_elem_attributes
const dataValue = 1 // NFTA_DATA_VALUE

export interface HeardSource {
  readonly address: Ip6
  readonly mac: Mac
  readonly left: number // milliseconds until the set forgets it
}

/** Opens a socket that reads one set. */
export function openHeard(log: Log, table: string, set: string): { read(): Promise<HeardSource[]> } & Disposable {
  const requests = new RequestSocket(log, netfilterProtocol)
  const body = encodeBody(Uint8Array.of(ipv6, 0, 0, 0), [
    [list.TABLE, table],
    [list.SET, set],
  ])
  return {
    /** Throws a KernelError, ENOENT where the set is not there. */
    async read() {
      const messages = await requests.dump(getElements, body, { op: 'dump set', target: `${table} ${set}` })
      return messages.flatMap(({ data }) => decodeElements(data))
    },
    [Symbol.dispose]: () => requests[Symbol.dispose](),
  }
}

/** The key is the address and the MAC, each filled up to whole words of 4 octets. */
export function decodeElements(body: Buffer): HeardSource[] {
  const elements = new Attributes(body, headerSize).octets(list.ELEMENTS)
  if (!elements) return []
  return nested(elements).flatMap(each => {
    const attributes = new Attributes(each, 0)
    const key = attributes.octets(element.KEY)
    const value = key && new Attributes(key, 0).octets(dataValue)
    const left = milliseconds(attributes.octets(element.EXPIRATION))
    if (value?.length !== 24 || left === undefined) return []
    return [{ address: fromBytes(value.subarray(0, 16)), mac: macFromBytes(value.subarray(16, 22)), left }]
  })
}

/** A list's attributes all have the same number, of which `Attributes` would keep the last. */
function nested(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Uint8Array[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true)
    if (length < 4 || at + length > bytes.length) break
    found.push(bytes.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return found
}

/** In network order, as all numbers of netfilter. */
function milliseconds(octets: Uint8Array | undefined): number | undefined {
  return octets?.length === 8 ? Number(Buffer.from(octets).readBigUInt64BE()) : undefined
}
