import { type Clock, sleep } from './clock.ts'
import { messageOf } from './errors.ts'
import type { Log } from './log.ts'

/** A long-lived piece of the daemon. `run` ends when the signal aborts, with everything it opened closed again. */
export interface Part {
  readonly name: string
  /** Calls `ready` when it does its work. Rejects when it can't go on: the supervisor then runs it again. */
  run(signal: AbortSignal, ready: () => void): Promise<void>
}

export type PartState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'restarting'; readonly reason: string; readonly attempts: number }
  | { readonly kind: 'stopped' }

// Our own tunables: a part that fails at once is tried again soon (a link that is just being made), then less and less often.
const firstBackoff = 100
const longestBackoff = 5_000
const settled = 10_000 // a run that lasted this long was a good one: the next failure starts from the first backoff

/** Runs parts in order, each after the one before it is ready or has failed once; stops them in reverse. */
export class Supervisor {
  readonly #log: Log
  readonly #clock: Clock
  readonly #entries: { part: Part; abort: AbortController; ended: Promise<void>; state: PartState }[] = []

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Resolves when the part is ready or has failed for the first time. */
  async start(part: Part): Promise<void> {
    const abort = new AbortController()
    await new Promise<void>(settle => {
      const entry = { part, abort, ended: Promise.resolve(), state: { kind: 'starting' } as PartState }
      this.#entries.push(entry)
      entry.ended = this.#keep(part, abort.signal, state => {
        entry.state = state
        if (state.kind !== 'starting') settle()
      })
    })
  }

  /** Stops every part in reverse order and waits for each. */
  async stop(): Promise<void> {
    for (const entry of this.#entries.toReversed()) {
      entry.abort.abort()
      await entry.ended
    }
  }

  states(): { readonly name: string; readonly state: PartState }[] {
    return this.#entries.map(({ part, state }) => ({ name: part.name, state }))
  }

  async #keep(part: Part, signal: AbortSignal, report: (state: PartState) => void): Promise<void> {
    let attempts = 0
    while (!signal.aborted) {
      const began = this.#clock.monotonic()
      try {
        await part.run(signal, () => report({ kind: 'running' }))
        if (signal.aborted) break
        throw new Error('ended without being asked to')
      } catch (error) {
        if (signal.aborted) {
          this.#log.warn({ part: part.name, err: error }, 'a part failed while it stopped')
          break
        }
        attempts = this.#clock.monotonic() - began > settled ? 1 : attempts + 1
        report({ kind: 'restarting', reason: messageOf(error), attempts })
        this.#log.warn({ part: part.name, attempts, err: error }, 'a part failed and will be started again')
        await sleep(Math.min(firstBackoff * 2 ** (attempts - 1), longestBackoff), signal)
      }
    }
    report({ kind: 'stopped' })
  }
}
