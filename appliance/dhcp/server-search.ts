/** Asks the LAN at the start and now and then which other DHCPv6 servers there are, and tells of each that is found. */

import type { Clock } from '../base/clock.ts'
import type { Ip6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import type { Duid } from './duid.ts'
import { type OtherServer, OtherServers } from './other-servers.ts'

export interface ServerSearchOptions {
  readonly link: { readonly name: string; readonly mac: Mac }
  readonly linkLocal: Ip6
  readonly duid: Duid // ours, which is no news
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly describe: (server: OtherServer) => Meaning
  /** Sends a frame to the LAN. */
  readonly send: (frame: Uint8Array) => void
  /** Runs the body later, unless the server has stopped by then. */
  readonly after: (milliseconds: number, body: () => void) => void
}

/** What another server means for the hosts of this LAN. */
export interface Meaning {
  readonly consequence: string // a sentence
  readonly mayWin: boolean // hosts may take it although we serve them
}

export interface Rival extends OtherServer, Meaning {}

const searches = [0, 1_000, 3_000] // after the start: a lost Advertise must not hide a server
const searchEvery = 300_000
const answered = 250 // the answers of all servers to one search have come by then

export class ServerSearch {
  readonly #options: ServerSearchOptions
  readonly #throttle: Throttle
  readonly #others: OtherServers
  #asking = false
  #searched = false

  constructor(options: ServerSearchOptions) {
    this.#options = options
    this.#throttle = new Throttle(options.clock)
    this.#others = new OtherServers(options.duid)
  }

  /** Once, when frames can be sent. */
  start(): void {
    for (const delay of searches) this.#options.after(delay, () => this.#search())
    this.#options.after(answered, () => {
      this.#searched = true
    })
    this.#options.after(searchEvery, () => this.#searchAgain())
  }

  /** Whether others are known. */
  get found(): boolean {
    return this.#others.list().length > 0
  }

  /** Whether all servers have had the time to answer a search, and none did. */
  get alone(): boolean {
    return this.#searched && !this.found
  }

  /** Those that are known. */
  list(): Rival[] {
    return this.#others.list().map(server => ({ ...server, ...this.#options.describe(server) }))
  }

  /** Whether all servers have had the time to answer a search. */
  get searched(): boolean {
    return this.#searched
  }

  /** A frame to a DHCPv6 client. Throws a DecodeError. */
  hear(frame: Uint8Array): void {
    const heard = this.#others.hear(frame, this.#self)
    if (heard?.kind === 'committed') this.#options.send(heard.release)
    const pass = heard && this.#throttle.pass(heard.kind)
    if (pass) {
      const { serverDuid: duid } = heard.server
      const reason = this.#options.describe(heard.server).consequence
      this.#options.log.warn({ duid, reason, ...pass }, 'another DHCPv6 server is on the LAN')
    }
    this.#ask()
  }

  /** One question for all that answer this search. */
  #ask(): void {
    if (this.#asking || !this.#others.uncertain) return
    this.#asking = true
    this.#options.after(answered, () => {
      this.#asking = false
      this.#options.send(this.#others.ask(this.#self, this.#transaction()))
    })
  }

  #search(): void {
    this.#options.send(this.#others.search(this.#self, this.#transaction()))
  }

  #searchAgain(): void {
    this.#search()
    this.#options.after(searchEvery, () => this.#searchAgain())
  }

  get #self() {
    return { mac: this.#options.link.mac, linkLocal: this.#options.linkLocal }
  }

  #transaction(): number {
    return Math.floor(this.#options.random() * 0x100_0000)
  }
}
