/**
 * Multicast Router Discovery, which makes a snooping switch send us the solicitations that hosts multicast for the addresses we
 * answer for. Being a querier would do that too, but it would switch pruning on for the whole LAN.
 */
import { DecodeError, Reader, Writer } from '../base/bytes.ts'
import { type Ip6, isLinkLocal, parseIp6, unspecified } from '../base/ip6.ts'

export const allSnoopers = parseIp6('ff02::6a') // RFC 4286 section 3.2

export const multicastRouterType = { advertisement: 151, solicitation: 152, termination: 153 } as const

// RFC 4286 section 3.1, in milliseconds.
const interval = 20_000 // AdvertisementInterval
const jitter = 0.025 // AdvertisementJitter, of the interval
const maxInitialInterval = 2_000 // MaxInitialAdvertisementInterval
const maxInitial = 3 // MaxInitialAdvertisements
const maxResponseDelay = 2_000 // MAX_RESPONSE_DELAY

const minGap = 2_000 // our own: the pace of the start is the fastest that switches are to see

/** The query interval and robustness are 0: we forward no multicast and ask no listeners. RFC 4286 section 3.2. */
export function encodeMulticastRouterAdvertisement(): Uint8Array {
  return new Writer(8)
    .u8(multicastRouterType.advertisement)
    .u8(interval / 1000)
    .u16(0) // the checksum, which the kernel fills in
    .u16(0)
    .u16(0)
    .take()
}

/** We are a multicast router no more. RFC 4286 section 5. */
export function encodeMulticastRouterTermination(): Uint8Array {
  return new Writer(4).u8(multicastRouterType.termination).u8(0).u16(0).take()
}

/** Checks a Multicast Router Solicitation. Throws a DecodeError that says which rule it breaks. RFC 4286 section 4. */
export function checkMulticastRouterSolicitation(bytes: Uint8Array, source: Ip6, hopLimit: number): void {
  const body = new Reader(bytes)
  if (body.u8() !== multicastRouterType.solicitation) throw new DecodeError('not a multicast router solicitation')
  body.skip(3)
  if (hopLimit !== 1) throw new DecodeError(`hop limit ${hopLimit}, not 1`)
  if (!isLinkLocal(source) && source !== unspecified) throw new DecodeError('a solicitation that is not link-local')
}

/** When to send Multicast Router Advertisements. Times in milliseconds of a monotonic clock. */
export class MulticastRouterSchedule {
  readonly #random: () => number
  #initial = 0
  #next = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  #answering = false

  constructor(random: () => number) {
    this.#random = random
  }

  start(now: number): void {
    this.#initial = maxInitial
    this.#next = now
  }

  stop(): void {
    this.#next = Number.POSITIVE_INFINITY
    this.#answering = false
  }

  get running(): boolean {
    return this.#next !== Number.POSITIVE_INFINITY
  }

  /** Answered soon, many by one: whoever solicits without end must not draw a shorter delay each time. */
  solicited(now: number): void {
    if (!this.running || this.#answering) return
    this.#answering = true
    const delay = this.#random() * maxResponseDelay
    this.#next = Math.min(this.#next, Math.max(now + delay, this.#last + minGap))
  }

  /** Whether one is due; if so, the next is scheduled. */
  due(now: number): boolean {
    if (this.#next > now) return false
    this.#answering = false
    this.#last = now
    if (this.#initial > 0) this.#initial--
    const regular = interval * (1 + (this.#random() * 2 - 1) * jitter)
    this.#next = now + (this.#initial > 0 ? maxInitialInterval : regular)
    return true
  }

  get wakeAt(): number {
    return this.#next
  }
}
