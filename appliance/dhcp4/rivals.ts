/** Other DHCPv4 servers on the LAN: asked for now and then, heard of whenever they speak to everyone. It reads no clock. */
import { formatIp4, type Ip4, unspecified4 } from '../base/ip4.ts'
import type { Mac } from '../base/mac.ts'
import { type Message4, option, type4 } from './message.ts'
import { u32 } from './option.ts'

export interface Rival4 {
  readonly address: Ip4 // what it calls itself
  readonly mac: Mac
}

const first = [0, 1_000] // ms after the start: one question may be lost
const settledAfter = 3_000 // ms; servers that look for an address first answer within one second
const every = 300_000 // ms
const everyBesideOne = 20_000 // ms, so that an operator who has switched it off waits no longer
const forgottenAfter = 70_000 // ms; three questions without an answer
const most = 16

export class Rivals {
  readonly #rivals = new Map<string, Rival4 & { readonly heardAt: number }>()
  readonly #startedAt: number
  #asked = 0
  #askedAt = 0
  #next: number

  /** All times are monotonic milliseconds. */
  constructor(now: number) {
    this.#startedAt = now
    this.#next = now
  }

  /** From when on silence means that there is none. */
  get settledAt(): number {
    return this.#startedAt + settledAfter
  }

  state(now: number): 'none' | 'some' | 'unknown' {
    if (this.list(now).length > 0) return 'some'
    return now < this.settledAt ? 'unknown' : 'none'
  }

  list(now: number): Rival4[] {
    return [...this.#rivals.values()].filter(({ heardAt }) => now - heardAt < forgottenAfter)
  }

  /** Whether it is time to ask, and when it will be next. */
  ask(now: number): { readonly now: boolean; readonly next: number } {
    if (now < this.#next) return { now: false, next: this.#next }
    this.#asked++
    this.#askedAt = now
    const early = first[this.#asked]
    const usual = this.list(now).length > 0 ? everyBesideOne : every
    this.#next = early === undefined ? now + usual : this.#startedAt + early
    return { now: true, next: this.#next }
  }

  /** A client has chosen another server: time to ask who that is, if that wasn't done just now. */
  suspect(now: number): void {
    this.#next = Math.min(this.#next, Math.max(now, this.#askedAt + everyBesideOne))
  }

  /** A server that is not us has spoken. Returns whether that is news. */
  hear(rival: Rival4, now: number): boolean {
    const key = formatIp4(rival.address)
    const known = this.#rivals.get(key)
    const isNews = !known || now - known.heardAt >= forgottenAfter
    if (!known && this.#rivals.size >= most) return false
    this.#rivals.set(key, { ...rival, heardAt: now })
    if (isNews) this.#next = Math.min(this.#next, now + everyBesideOne)
    return isNews
  }
}

/** A question that any server answers; nothing of the answer is taken. RFC 2131 section 4.4.1. */
export function question(mac: Mac, xid: number): Message4 {
  return {
    op: 'request',
    xid,
    broadcast: true,
    ciaddr: unspecified4,
    yiaddr: unspecified4,
    giaddr: unspecified4,
    mac,
    options: new Map([
      [option.messageType, Uint8Array.of(type4.discover)],
      [option.leaseTime, u32(60)], // what a server keeps for us is soon free again
      [option.parameterRequestList, Uint8Array.of(option.subnetMask)],
    ]),
  }
}
