import { libc } from './libc.ts'

const number = process.arch === 'x64' ? 314 : 274 // of sched_setattr in asm/unistd.h
const attrSize = 48 // struct sched_attr: size 0, sched_flags 8, sched_nice 16, sched_runtime 24; linux/sched/types.h
const keepPolicy = 8n // SCHED_FLAG_KEEP_POLICY of linux/sched.h

/**
 * How long an ordinary thread of this process may run before others get their turn; it keeps its share of the processor, and the
 * shorter its turns, the sooner it gets one when it wakes. Kernels before 6.12 take no notice. `nice` is the thread's own, which the
 * call sets too. False where the kernel refuses, as for a thread that an operator made real-time. See sched(7).
 */
export function setSlice(thread: number, nice: number, microseconds: number): boolean {
  const attr = new DataView(new ArrayBuffer(attrSize))
  attr.setUint32(0, attrSize, true)
  attr.setBigUint64(8, keepPolicy, true)
  attr.setInt32(16, nice, true)
  attr.setBigUint64(24, BigInt(microseconds) * 1000n, true)
  return Number(libc.schedSetattr(number, thread, new Uint8Array(attr.buffer), 0)) === 0
}
