import type { Ip6 } from '../base/ip6.ts'
import { macBytes, macFromBytes } from '../base/mac.ts'
import { Attributes, addressAttribute, encodeBody, inet6 } from './codec.ts'
import { mark, type Neighbour } from './kernel.ts'

/** struct ndmsg, rtnetlink(7): family 0, ifindex 4 (i32), state 8 (u16), flags 10, type 11. */
const headerSize = 12
const attribute = { DST: 1, LLADDR: 2, PROTOCOL: 12 } as const
const state = { REACHABLE: 0x02, STALE: 0x04, DELAY: 0x08, PROBE: 0x10, PERMANENT: 0x80 } as const
const hasMac = state.REACHABLE | state.STALE | state.DELAY | state.PROBE
const extLearned = 0x10 // NTF_EXT_LEARNED: someone outside of the kernel knows it

/** Permanent and externally learned entries; undefined for the kernel's own, which come and go. */
export function decodeNeighbour(body: Buffer): Neighbour | undefined {
  if (!isKept(body)) return undefined
  const attributes = new Attributes(body, headerSize)
  const address = attributes.address(attribute.DST)
  const mac = attributes.octets(attribute.LLADDR)
  if (address === undefined || mac?.length !== 6) return undefined
  const permanent = (body.readUInt16LE(8) & state.PERMANENT) !== 0
  return { link: body.readInt32LE(4), address, mac: macFromBytes(mac), permanent }
}

/** The address of a neighbour that the kernel has found by itself; undefined for those that it only looks for, or did in vain. */
export function decodeFound(body: Buffer): Ip6 | undefined {
  if (body.length < headerSize || body.readUInt8(0) !== inet6 || isKept(body)) return undefined
  if ((body.readUInt16LE(8) & hasMac) === 0) return undefined
  return new Attributes(body, headerSize).address(attribute.DST)
}

/** By the fixed header alone, so that the kernel's own entries cost nothing. */
export function isKept(body: Buffer): boolean {
  return (
    body.length >= headerSize &&
    body.readUInt8(0) === inet6 &&
    ((body.readUInt16LE(8) & state.PERMANENT) !== 0 || (body.readUInt8(10) & extLearned) !== 0)
  )
}

/** Which entry a message is about, whatever its state. */
export function neighbourKey(body: Buffer): { readonly link: number; readonly address: Ip6 } | undefined {
  if (body.length < headerSize || body.readUInt8(0) !== inet6) return undefined
  const address = new Attributes(body, headerSize).address(attribute.DST)
  return address === undefined ? undefined : { link: body.readInt32LE(4), address }
}

export function encodeNeighbourDump(): Uint8Array {
  return encodeBody(headerOf(0, 0, 0), [])
}

export function encodeNeighbour({ link, address, mac, permanent }: Neighbour): Uint8Array {
  const header = headerOf(link, permanent ? state.PERMANENT : state.REACHABLE, permanent ? 0 : extLearned)
  return encodeBody(header, [
    [attribute.DST, addressAttribute(address)],
    [attribute.LLADDR, macBytes(mac)],
    [attribute.PROTOCOL, Uint8Array.of(mark)],
  ])
}

export function encodeNeighbourRemoval({ link, address }: Pick<Neighbour, 'link' | 'address'>): Uint8Array {
  return encodeBody(headerOf(link, 0, 0), [[attribute.DST, addressAttribute(address)]])
}

function headerOf(link: number, entryState: number, flags: number): Buffer {
  const header = Buffer.alloc(headerSize)
  header.writeUInt8(inet6, 0)
  header.writeInt32LE(link, 4)
  header.writeUInt16LE(entryState, 8)
  header.writeUInt8(flags, 10)
  return header
}
