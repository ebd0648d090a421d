import type { Ip4 } from '../base/ip4.ts'

interface Offer {
  readonly address: Ip4
  readonly client: string
  readonly until: number
}

const keptFor = 60_000 // ms; a client that wants an offered address says so within seconds

/** What was offered on one LAN and not yet taken. It is nowhere but in memory: an offer is no promise. RFC 2131 section 3.1. */
export class Offers {
  readonly #byAddress = new Map<Ip4, Offer>()
  readonly #byClient = new Map<string, Offer>()

  /** The client that the address is kept for. */
  holder(address: Ip4, now: number): string | undefined {
    const offer = this.#byAddress.get(address)
    return offer && offer.until > now ? offer.client : undefined
  }

  /** What is kept for the client. */
  of(client: string, now: number): Ip4 | undefined {
    const offer = this.#byClient.get(client)
    return offer && offer.until > now ? offer.address : undefined
  }

  put(address: Ip4, client: string, now: number): void {
    this.#drop(this.#byAddress.get(address))
    this.#drop(this.#byClient.get(client))
    const offer = { address, client, until: now + keptFor }
    this.#byAddress.set(address, offer)
    this.#byClient.set(client, offer)
  }

  /** The client has taken the address, or another one. */
  end(client: string): void {
    this.#drop(this.#byClient.get(client))
  }

  /** Forgets what nobody took. */
  prune(now: number): void {
    for (const offer of this.#byAddress.values()) if (offer.until <= now) this.#drop(offer)
  }

  #drop(offer: Offer | undefined): void {
    if (!offer) return
    this.#byAddress.delete(offer.address)
    this.#byClient.delete(offer.client)
  }
}
