/** Wall time for what outlives us (leases), monotonic time for intervals. Both in milliseconds. */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump. */
  now(): number
  /** Milliseconds since some fixed moment. Never goes back. */
  monotonic(): number
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/** Resolves after `milliseconds`, or at once when the signal aborts; never rejects. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Resolves when everything else that is due by now has had its turn of the event loop: long work takes it between its parts. */
export function turn(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}

/** Resolves when the signal aborts; never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** One timer that is set anew as often as its owner changes its mind. */
export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined

  /** `ring` must not throw. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings once at `at`, in milliseconds of the monotonic clock, instead of when it was to ring before; Infinity is never. */
  set(at: number): void {
    this.cancel()
    if (at === Number.POSITIVE_INFINITY) return
    const wait = Math.max(0, Math.min(at - this.#clock.monotonic(), longestTimer))
    this.#timer = setTimeout(this.#ring, Math.ceil(wait))
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
const longestTimer = 0x7fff_ffff // setTimeout takes no more; whoever rings early finds nothing due and sets it again
