import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { logFields, sameReport } from './judge.ts'
import type { Overlay, OverlayReport } from './overlay.ts'

/** What every overlay has: the newest report, and who wants to hear of the next. */
export abstract class Watch implements Pick<Overlay, 'report' | 'since' | 'onChange'> {
  readonly #clock: Clock
  readonly #log: Log
  readonly #listeners = new Set<(report: OverlayReport) => void>()
  #report: OverlayReport
  #since: number

  constructor(first: OverlayReport, clock: Clock, log: Log) {
    this.#report = first
    this.#clock = clock
    this.#log = log
    this.#since = clock.monotonic()
  }

  report(): OverlayReport {
    return this.#report
  }

  since(): number {
    return this.#since
  }

  onChange(listener: (report: OverlayReport) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Takes a new report; tells everyone if it says something new. */
  protected put(report: OverlayReport): void {
    const before = this.#report
    if (sameReport(before, report)) return
    this.#report = report
    if (before.state !== report.state) this.#since = this.#clock.monotonic()
    if (report.state === 'ok') this.#log.info(logFields(report), 'the overlay is ready')
    else this.#log.warn(logFields(report), 'the overlay is awaited')
    for (const listener of [...this.#listeners]) listener(report)
  }
}
