/** When to ask for other routers, where they advertise in our place. Times in milliseconds of a monotonic clock. */

// RFC 4861 section 10.
const maxSolicitations = 3 // MAX_RTR_SOLICITATIONS
const interval = 4_000 // RTR_SOLICITATION_INTERVAL

// Our own: more often than a router that is silent is forgotten (other-routers.ts), so that one which lives never is.
const again = 200_000

export class RouterSearch {
  #next = Number.POSITIVE_INFINITY
  #asked = 0

  /** One that runs goes on. */
  start(now: number): void {
    if (this.#next !== Number.POSITIVE_INFINITY) return
    this.#asked = 0
    this.#next = now
  }

  stop(): void {
    this.#next = Number.POSITIVE_INFINITY
    this.#asked = 0
  }

  /** Whether a solicitation is due; if so, the next is scheduled. */
  due(now: number): boolean {
    if (this.#next > now) return false
    this.#asked++
    this.#next = now + (this.#asked <= maxSolicitations ? interval : again)
    return true
  }

  /** Whether the routers of the LAN had time to answer the first ones. */
  get over(): boolean {
    return this.#asked > maxSolicitations
  }

  get wakeAt(): number {
    return this.#next
  }
}
