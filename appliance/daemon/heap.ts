import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the heap near what is in use: its young part would grow with the traffic to some fifty megabytes and never shrink, and its
 * old part to twice what it needs. What our objects live for is one turn of the event loop, and leases lie outside of the heap, so
 * that cleaning up more often costs little. To be called before there is much of it.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
}
