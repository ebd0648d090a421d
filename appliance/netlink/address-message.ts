import { Attributes, addressAttribute, encodeBody, inet6 } from './codec.ts'
import { type Address, mark } from './kernel.ts'

/** struct ifaddrmsg, rtnetlink(7): family 0, prefixlen 1, flags 2, scope 3, index 4 (u32). */
const headerSize = 8
const attribute = { ADDRESS: 1, LOCAL: 2, FLAGS: 8, PROTO: 11 } as const
const flag = { NODAD: 0x02, DADFAILED: 0x08, TENTATIVE: 0x40 } as const
const scopes: Record<number, Address['scope']> = { 0: 'global', 253: 'link' }

export function decodeAddress(body: Buffer): Address | undefined {
  const attributes = new Attributes(body, headerSize)
  // On a point-to-point link ADDRESS is the other end's.
  const address = attributes.address(attribute.LOCAL) ?? attributes.address(attribute.ADDRESS)
  if (body.readUInt8(0) !== inet6 || address === undefined) return undefined
  const flags = attributes.u32(attribute.FLAGS) ?? body.readUInt8(2)
  return {
    link: body.readUInt32LE(4),
    address,
    length: body.readUInt8(1),
    protocol: attributes.u8(attribute.PROTO) ?? 0,
    scope: scopes[body.readUInt8(3)] ?? 'other',
    tentative: (flags & flag.TENTATIVE) !== 0,
    dadFailed: (flags & flag.DADFAILED) !== 0,
  }
}

export function encodeAddressDump(): Uint8Array {
  return encodeBody(headerOf(0, 0), [])
}

/**
 * No duplicate address detection: the address is computed from this node's authenticated identity, so that nobody else can hold
 * it by right. Detection would cost the first second of every start, and let any host of the LAN take the router's address away.
 * RFC 4862 section 5.4.
 */
export function encodeAddress({ link, address, length }: Pick<Address, 'link' | 'address' | 'length'>): Uint8Array {
  return encodeBody(headerOf(link, length), [
    [attribute.LOCAL, addressAttribute(address)],
    [attribute.FLAGS, flag.NODAD],
    [attribute.PROTO, Uint8Array.of(mark)], // kernels before 5.18 ignore it
  ])
}

export function encodeAddressRemoval({
  link,
  address,
  length,
}: Pick<Address, 'link' | 'address' | 'length'>): Uint8Array {
  return encodeBody(headerOf(link, length), [[attribute.LOCAL, addressAttribute(address)]])
}

function headerOf(link: number, length: number): Buffer {
  const header = Buffer.alloc(headerSize)
  header.writeUInt8(inet6, 0)
  header.writeUInt8(length, 1)
  header.writeUInt32LE(link, 4)
  return header
}
