import { setTimeout as wait } from 'node:timers/promises'

const interval = 25 // ms between two looks: fast enough to time things by, slow enough for a busy machine

/** Thrown by a condition that can't come true any more. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless'
}

/**
 * Looks until `condition` gives something other than undefined or false, and returns it. Rejects after `timeout` milliseconds
 * with a sentence that says what was awaited, and with the last error as its cause; a Hopeless one ends it at once.
 */
export async function until<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  timeout = 30_000, // what is well comes in a moment; a busy machine may need this long
): Promise<T> {
  const end = performance.now() + timeout
  let cause: unknown
  for (;;) {
    try {
      const found = await condition()
      if (found !== undefined && found !== false) return found
      cause = undefined
    } catch (error) {
      if (error instanceof Hopeless) throw error
      cause = error
    }
    if (performance.now() > end) {
      throw new Error(`waited ${timeout / 1000} s in vain for ${what}`, cause === undefined ? {} : { cause })
    }
    await wait(interval)
  }
}

/** Holds `condition` for `duration` milliseconds: rejects at the first look at which it is not true. */
export async function stays(
  condition: () => boolean | Promise<boolean>,
  what: string,
  duration: number,
): Promise<void> {
  const end = performance.now() + duration
  while (performance.now() < end) {
    if (!(await condition())) throw new Error(`${what} did not stay so for ${duration / 1000} s`)
    await wait(interval)
  }
}
