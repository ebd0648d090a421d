import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Keeps the young part of the heap small: it would grow with the traffic to some fifty megabytes and never shrink. What our objects
 * live for is one turn of the event loop, and leases lie outside of the heap, so that cleaning up more often costs little. To be
 * called before there is much of it.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--no-parallel-scavenge') // so little is cleaned up in one thread before others have been woken
}

/** Throws away what only the start needed, and keeps the old part near what is in use from then on: it would grow to twice that. */
export function tidyHeap(): void {
  setFlagsFromString('--heap-growing-percent=20')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' }) // the one that gives half-empty pages back
}
