import { readdirSync, readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { setSlice } from '../system/scheduler.ts'

const tasks = '/proc/self/task'
const slice = 100 // microseconds, the kernel's shortest: an answer takes about as long, and a batch of leases is no worse off
// A tenth of our share. With more they still make clients wait; with less, memory that was freed is given back late under load.
const steps = 10
const lowest = 19

/**
 * Who runs first where threads share a processor, as on a router with one. Whoever answers clients or syncs their leases has short
 * turns, and so gets one at once when a message or the disk wakes it, also beside other programs. V8's own threads, which compile
 * what runs often and collect garbage, step back: each would hold the processor for some milliseconds. Takes no privilege.
 */
export function arrangeThreads(): void {
  for (const task of readdirSync(tasks)) {
    const thread = Number(task)
    switch (nameOf(task)) {
      case 'V8Worker':
        setPriority(thread, Math.min(getPriority(thread) + steps, lowest))
        break
      case 'MainThread':
      case 'libuv-worker':
        setSlice(thread, getPriority(thread), slice)
    }
  }
}

function nameOf(task: string): string {
  try {
    return readFileSync(`${tasks}/${task}/comm`, 'utf8').trimEnd()
  } catch {
    return '' // it has ended
  }
}
