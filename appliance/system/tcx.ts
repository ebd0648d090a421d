/**
 * Programs straight on a link (TCX, Linux 6.6), without a discipline around them. By bpf(2) itself: Debian 12's libbpf is older than
 * what is asked of it here. To put one there or take one off makes the kernel wait until no CPU is in the old list any more, 10 to 30 ms
 * with nothing else of the network's configuration moving: those two run on a thread.
 */
import koffi from 'koffi'
import { KernelError } from '../base/errors.ts'
import { bpfAside, errnoName, libc } from './libc.ts'

const syscallNumber = process.arch === 'arm64' ? 280 : 321 // __NR_bpf
const command = { attach: 8, detach: 9, query: 16 } as const // enum bpf_cmd
const attachType = { ingress: 46, egress: 47 } as const // BPF_TCX_INGRESS, BPF_TCX_EGRESS
const flag = { BEFORE: 1 << 3, AFTER: 1 << 4, ID: 1 << 5 } as const
const loopback = 1
const most = 64 // programs on one point: the kernel's own limit (BPF_MPROG_MAX)

/** Attach and detach: ifindex 0, fd 4, type 8, flags 12, relative id 20. Query: ifindex 0, type 4, ids 16, count 24. */
const size = 64

type Fields = Readonly<Record<number, number>>

function encode(fields: Fields): DataView {
  const attributes = new DataView(new ArrayBuffer(size))
  for (const [at, value] of Object.entries(fields)) attributes.setUint32(Number(at), value, true)
  return attributes
}

/** The number of programs, or the name of the error. */
function query(fields: Fields, ids: Uint32Array): number | string {
  const attributes = encode({ ...fields, 24: ids.length })
  attributes.setBigUint64(16, BigInt(koffi.address(ids)), true)
  const result = libc.bpf(syscallNumber, command.query, new Uint8Array(attributes.buffer), size)
  return Number(result) < 0 ? errnoName() : attributes.getUint32(24, true)
}

function change(name: 'attach' | 'detach', fields: Fields): Promise<string | undefined> {
  return bpfAside(syscallNumber, command[name], new Uint8Array(encode(fields).buffer), size)
}

/** Whether this kernel takes programs directly, and we may put them there. */
export function hasTcx(): boolean {
  return typeof query({ 0: loopback, 4: attachType.ingress }, new Uint32Array(most)) !== 'string'
}

/** The kernel's numbers of the programs at a point, in the order in which they run. Throws a KernelError. */
export function tcxList(link: number, point: 'ingress' | 'egress'): readonly number[] {
  const ids = new Uint32Array(most)
  const count = query({ 0: link, 4: attachType[point] }, ids)
  if (count === 'ENOENT' || count === 'ENODEV') return [] // nothing there, or no such link
  if (typeof count === 'string') throw new KernelError('list the programs of', `link ${link}`, count)
  return [...ids.subarray(0, count)]
}

/** Puts a program behind those that are there. Rejects with a KernelError. */
export async function tcxAttach(link: number, point: 'ingress' | 'egress', fd: number): Promise<void> {
  const error = await change('attach', { 0: link, 4: fd, 8: attachType[point] })
  if (error && error !== 'EEXIST') throw new KernelError('put a program on', `link ${link}`, error)
}

/** Takes a program away, by its place beside others: only root may have a descriptor of one it didn't load. Rejects with a KernelError. */
export async function tcxDetach(link: number, point: 'ingress' | 'egress', id: number): Promise<void> {
  const ids = tcxList(link, point)
  const place = ids.indexOf(id)
  if (place < 0) return
  const error = await change('detach', { 0: link, 8: attachType[point], ...beside(ids, place) })
  if (error) throw new KernelError('take a program off', `link ${link}`, error)
}

/** Behind the one before it, or before the one behind it; the only one needs no neighbour. */
function beside(ids: readonly number[], place: number): Fields {
  if (place > 0) return { 12: flag.AFTER | flag.ID, 20: ids[place - 1]! }
  if (ids.length > 1) return { 12: flag.BEFORE | flag.ID, 20: ids[1]! }
  return {}
}
