import type { Log } from '../base/log.ts'
import type { Status } from '../http/api.ts'
import { sdNotify } from '../system/notify.ts'

const pace = 500 // milliseconds between looks at the status

/** Tells the journal and the service manager when the state changes, and why. */
export class Announcer {
  readonly #log: Log
  readonly #status: () => Status
  #timer: NodeJS.Timeout | undefined
  #said = ''

  constructor(log: Log, status: () => Status) {
    this.#log = log
    this.#status = status
  }

  /** Everything runs, though it may wait: `systemctl start` ends here. */
  start(): void {
    sdNotify('READY=1')
    this.#look()
    this.#timer = setInterval(() => this.#look(), pace).unref()
  }

  reloading(): void {
    sdNotify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  reloaded(): void {
    sdNotify('READY=1')
    this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
    sdNotify('STOPPING=1')
  }

  #look(): void {
    const { state, reasons, overlay } = this.#status()
    const said = JSON.stringify([state, reasons, overlay.sitePrefix])
    if (said === this.#said) return
    this.#said = said
    const [first = overlay.sitePrefix ?? ''] = reasons
    sdNotify(`STATUS=${state}: ${first.split('\n')[0]}`)
    const fields = { state, reasons, prefix: overlay.sitePrefix }
    if (state === 'serving') this.#log.info(fields, 'the site is served')
    else this.#log.warn(fields, 'the site is not served as it should be')
  }
}
