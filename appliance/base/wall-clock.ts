import type { Clock } from './clock.ts'

const jump = 5_000 // ms; a wall clock that moved this much against the monotonic one was set, not slewed

/** The wall time, and by how many milliseconds it was set when it is next looked at. */
export class WallClock {
  readonly #clock: Clock
  readonly #whenSet: (milliseconds: number) => void
  #seen: { readonly wall: number; readonly monotonic: number }

  constructor(clock: Clock, whenSet: (milliseconds: number) => void) {
    this.#clock = clock
    this.#whenSet = whenSet
    this.#seen = { wall: clock.now(), monotonic: clock.monotonic() }
  }

  /** Milliseconds since 1970 when it was last looked at. */
  get last(): number {
    return this.#seen.wall
  }

  /** Milliseconds since 1970. Calls back first where the clock was set since it was last looked at. */
  now(): number {
    const wall = this.#clock.now()
    const monotonic = this.#clock.monotonic()
    const moved = wall - this.#seen.wall - (monotonic - this.#seen.monotonic)
    this.#seen = { wall, monotonic }
    if (Math.abs(moved) >= jump) this.#whenSet(Math.round(moved))
    return wall
  }
}
