import type { Clock } from '../base/clock.ts'
import type { Probe, Probed } from './context.ts'

const remembered = 10_000 // covers Solicit and Request of one exchange
const most = 1024

/** What the LAN has answered to probes a moment ago. */
export class Probes {
  readonly #clock: Clock
  readonly #answers = new Map<string, { readonly probed: Probed; readonly until: number }>() // the newest last

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Who answered; undefined where nobody was asked. */
  found(probe: Probe): Probed | undefined {
    const known = this.#answers.get(textOf(probe))
    return known && known.until > this.#clock.monotonic() ? known.probed : undefined
  }

  remember(probe: Probe, probed: Probed): void {
    const oldest = this.#answers.keys().next().value
    if (this.#answers.size >= most && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.delete(textOf(probe))
    this.#answers.set(textOf(probe), { probed, until: this.#clock.monotonic() + remembered })
  }
}

const textOf = ({ address, mac }: Probe): string => `${address} ${mac}`
