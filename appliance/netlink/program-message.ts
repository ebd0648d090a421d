import { Attributes, encodeBody } from './codec.ts'
import { mark, mostSlots, type Point, type Program } from './kernel.ts'

/** struct tcmsg, rtnetlink(7): family 0, ifindex 4 (i32), handle 8, parent 12, info 16. */
const headerSize = 20
const attribute = { KIND: 1, OPTIONS: 2 } as const
const bpf = { FD: 6, NAME: 7, FLAGS: 8, ID: 11 } as const // linux/pkt_cls.h
const directAction = 1 // TCA_BPF_FLAG_ACT_DIRECT
const nested = 1 << 15 // NLA_F_NESTED

const clsact = { parent: 0xffff_fff1, handle: 0xffff_0000 } // TC_H_CLSACT
const parents = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const // TC_H_MIN_INGRESS, TC_H_MIN_EGRESS
const anyProtocol = 0x0300 // ETH_P_ALL in network order
const owner = 'siteplane'

/** A classifier that stands on a hook. */
export interface Filter {
  readonly ours: boolean
  readonly id: number | undefined // the kernel's number of the program
  readonly slot: number
}

/** The link of a clsact discipline; undefined for other disciplines. */
export function decodeHook(body: Buffer): number | undefined {
  return new Attributes(body, headerSize).text(attribute.KIND) === 'clsact' ? body.readInt32LE(4) : undefined
}

export function encodeHookDump(): Uint8Array {
  return encodeBody(headerOf(0, 0, 0, 0), [])
}

/** A clsact discipline, to be made or removed. */
export function encodeHook(link: number): Uint8Array {
  return encodeBody(headerOf(link, clsact.handle, clsact.parent, 0), [[attribute.KIND, 'clsact']])
}

type Place = Pick<Program, 'link' | 'point' | 'slot'>

/** Undefined for the list that a filter stands in, which is told beside it. */
export function decodeFilter(body: Buffer): Filter | undefined {
  const attributes = new Attributes(body, headerSize)
  const handle = body.readUInt32LE(8)
  const options = attributes.octets(attribute.OPTIONS)
  if (handle === 0 || !options) return undefined
  const isBpf = attributes.text(attribute.KIND) === 'bpf'
  const inner = isBpf ? new Attributes(options, 0) : undefined
  const slot = handle - mark
  const marked = slot >= 0 && slot < mostSlots && body.readUInt32LE(16) >>> 16 === mark
  return { ours: marked && inner?.text(bpf.NAME) === owner, id: inner?.u32(bpf.ID), slot }
}

export function encodeFilterDump(link: number, point: Point): Uint8Array {
  return encodeBody(headerOf(link, 0, parents[point], 0), [])
}

/** A program on a hook, where one of ours is replaced in one step. */
export function encodeFilter({ link, point, slot }: Place, fd: number): Uint8Array {
  const options = encodeBody(new Uint8Array(), [
    [bpf.FD, fd],
    [bpf.NAME, owner],
    [bpf.FLAGS, directAction],
  ])
  return encodeBody(ownPlace(link, point, slot), [
    [attribute.KIND, 'bpf'],
    [attribute.OPTIONS | nested, options],
  ])
}

export function encodeFilterRemoval({ link, point, slot }: Place): Uint8Array {
  return encodeBody(ownPlace(link, point, slot), [[attribute.KIND, 'bpf']])
}

/** Where our classifier stands at a point: our mark is its priority, and with its slot its handle. */
function ownPlace(link: number, point: Point, slot: number): Buffer {
  return headerOf(link, mark + slot, parents[point], ((mark << 16) | anyProtocol) >>> 0)
}

function headerOf(link: number, handle: number, parent: number, info: number): Buffer {
  const header = Buffer.alloc(headerSize)
  header.writeInt32LE(link, 4)
  header.writeUInt32LE(handle, 8)
  header.writeUInt32LE(parent, 12)
  header.writeUInt32LE(info, 16)
  return header
}
