/** Questions to the LAN whether anybody uses an address, and what was answered a moment ago. */
import type { Clock } from '../base/clock.ts'
import type { Ip4 } from '../base/ip4.ts'
import type { Mac } from '../base/mac.ts'

const wait = 500 // ms; a host on Wi-Fi that sleeps answers within a beacon or three
const remembered = 10_000 // ms; covers DHCPDISCOVER and DHCPREQUEST of one exchange
const most = 256 // open at a time, and remembered; clients ask again
const mostWaiting = 8 // clients for one address

interface Question {
  readonly waiting: Map<string, () => void> // by client
  readonly timer: NodeJS.Timeout
}

export class Probes4 {
  readonly #clock: Clock
  readonly #send: (address: Ip4) => void
  readonly #open = new Map<Ip4, Question>()
  readonly #answers = new Map<Ip4, { readonly answer: Mac | 'silent'; readonly until: number }>() // the newest last

  constructor(clock: Clock, send: (address: Ip4) => void) {
    this.#clock = clock
    this.#send = send
  }

  /** Who answered; undefined where nobody was asked. */
  found(address: Ip4): Mac | 'silent' | undefined {
    const known = this.#answers.get(address)
    return known && known.until > this.#clock.monotonic() ? known.answer : undefined
  }

  /** Calls back when somebody has answered, or nobody has in time. False where too many questions are open. */
  ask(address: Ip4, client: string, done: () => void): boolean {
    const open = this.#open.get(address)
    if (open) {
      if (!open.waiting.has(client) && open.waiting.size >= mostWaiting) return false
      open.waiting.set(client, done) // what a client says again takes the place of what it said
      return true
    }
    if (this.#open.size >= most) return false
    const timer = setTimeout(() => this.#settle(address, 'silent'), wait)
    this.#open.set(address, { waiting: new Map([[client, done]]), timer: timer.unref() })
    this.#send(address)
    return true
  }

  /** A host says that it has the address. */
  hear(address: Ip4, mac: Mac): void {
    if (this.#open.has(address)) this.#settle(address, mac)
  }

  stop(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer)
    this.#open.clear()
  }

  #settle(address: Ip4, answer: Mac | 'silent'): void {
    const question = this.#open.get(address)
    if (!question) return
    clearTimeout(question.timer)
    this.#open.delete(address)
    const oldest = this.#answers.keys().next().value
    if (this.#answers.size >= most && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.delete(address)
    this.#answers.set(address, { answer, until: this.#clock.monotonic() + remembered })
    for (const done of question.waiting.values()) done()
  }
}
