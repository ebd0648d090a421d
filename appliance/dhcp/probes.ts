import type { Clock } from '../base/clock.ts'
import type { Probe } from './turn.ts'

const remembered = 10_000 // covers Solicit and Request of one exchange
const most = 1024

/** What the LAN has answered to probes a moment ago. */
export class Probes {
  readonly #clock: Clock
  readonly #answers = new Map<string, { readonly answered: boolean; readonly until: number }>() // the newest last

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it was answered; undefined where nobody asked. */
  answered(probe: Probe): boolean | undefined {
    const known = this.#answers.get(textOf(probe))
    return known && known.until > this.#clock.monotonic() ? known.answered : undefined
  }

  remember(probe: Probe, answered: boolean): void {
    const oldest = this.#answers.keys().next().value
    if (this.#answers.size >= most && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.delete(textOf(probe))
    this.#answers.set(textOf(probe), { answered, until: this.#clock.monotonic() + remembered })
  }
}

const textOf = ({ address, mac }: Probe): string => `${address} ${mac}`
