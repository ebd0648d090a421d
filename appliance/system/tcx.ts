/**
 * Programs straight on a link (TCX, Linux 6.6), without a discipline around them. By bpf(2) itself: Debian 12's libbpf is older than
 * what is asked of it here.
 */
import koffi from 'koffi'
import { KernelError } from '../base/errors.ts'
import { errnoName, libc } from './libc.ts'

const syscallNumber = process.arch === 'arm64' ? 280 : 321 // __NR_bpf
const command = { attach: 8, detach: 9, query: 16 } as const // enum bpf_cmd
const attachType = { ingress: 46, egress: 47 } as const // BPF_TCX_INGRESS, BPF_TCX_EGRESS
const flag = { BEFORE: 1 << 3, AFTER: 1 << 4, ID: 1 << 5 } as const
const loopback = 1
const most = 64 // programs on one point: the kernel's own limit (BPF_MPROG_MAX)

/** Attach and detach: ifindex 0, fd 4, type 8, flags 12, relative id 20. Query: ifindex 0, type 4, ids 16, count 24. */
const size = 64

function call(
  name: keyof typeof command,
  fields: Readonly<Record<number, number>>,
  ids?: Uint32Array,
): DataView | string {
  const attributes = new DataView(new ArrayBuffer(size))
  for (const [at, value] of Object.entries(fields)) attributes.setUint32(Number(at), value, true)
  if (ids) attributes.setBigUint64(16, BigInt(koffi.address(ids)), true)
  const result = libc.bpf(syscallNumber, command[name], new Uint8Array(attributes.buffer), size)
  return Number(result) < 0 ? errnoName() : attributes
}

/** Whether this kernel takes programs directly, and we may put them there. */
export function hasTcx(): boolean {
  return typeof call('query', { 0: loopback, 4: attachType.ingress, 24: most }, new Uint32Array(most)) !== 'string'
}

/** The kernel's numbers of the programs at a point, in the order in which they run. Throws a KernelError. */
export function tcxList(link: number, point: 'ingress' | 'egress'): readonly number[] {
  const ids = new Uint32Array(most)
  const answer = call('query', { 0: link, 4: attachType[point], 24: most }, ids)
  if (answer === 'ENOENT' || answer === 'ENODEV') return [] // nothing there, or no such link
  if (typeof answer === 'string') throw new KernelError('list the programs of', `link ${link}`, answer)
  return [...ids.subarray(0, answer.getUint32(24, true))]
}

/** Puts a program behind those that are there. Throws a KernelError. */
export function tcxAttach(link: number, point: 'ingress' | 'egress', fd: number): void {
  const answer = call('attach', { 0: link, 4: fd, 8: attachType[point] })
  if (typeof answer === 'string' && answer !== 'EEXIST')
    throw new KernelError('put a program on', `link ${link}`, answer)
}

/** Takes a program away, by its place beside others: only root may have a descriptor of one it didn't load. Throws a KernelError. */
export function tcxDetach(link: number, point: 'ingress' | 'egress', id: number): void {
  const ids = tcxList(link, point)
  const place = ids.indexOf(id)
  if (place < 0) return
  const answer = call('detach', { 0: link, 8: attachType[point], ...beside(ids, place) })
  if (typeof answer === 'string') throw new KernelError('take a program off', `link ${link}`, answer)
}

/** Behind the one before it, or before the one behind it; the only one needs no neighbour. */
function beside(ids: readonly number[], place: number): Readonly<Record<number, number>> {
  if (place > 0) return { 12: flag.AFTER | flag.ID, 20: ids[place - 1]! }
  if (ids.length > 1) return { 12: flag.BEFORE | flag.ID, 20: ids[1]! }
  return {}
}
