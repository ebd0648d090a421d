import type { Probe } from './turn.ts'

const remembered = 10_000 // milliseconds; covers Solicit and Request of one exchange
const most = 1024

/** What probes of the last seconds have found. Pure: it is told the time, by the monotonic clock. */
export class Probes {
  readonly #found = new Map<string, { readonly answered: boolean; readonly until: number }>() // the newest last

  /** Whether the host answered; undefined where it wasn't asked lately. */
  answered(probe: Probe, now: number): boolean | undefined {
    const known = this.#found.get(textOf(probe))
    return known && known.until > now ? known.answered : undefined
  }

  note(probe: Probe, answered: boolean, now: number): void {
    const oldest = this.#found.keys().next().value
    if (this.#found.size >= most && oldest !== undefined) this.#found.delete(oldest)
    this.#found.delete(textOf(probe))
    this.#found.set(textOf(probe), { answered, until: now + remembered })
  }
}

const textOf = ({ address, mac }: Probe): string => `${address} ${mac}`
