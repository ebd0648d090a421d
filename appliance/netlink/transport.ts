/** Two rtnetlink sockets: one for requests, one for events, so that a burst of events never costs an answer. */
import { sleep } from '../base/clock.ts'
import { KernelError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type NetlinkEndpoint, openNetlink } from '../system/netlink.ts'
import {
  decodeError,
  decodeMessages,
  encodeMessage,
  Flags,
  FlagsGet,
  MessageType,
  type NetlinkMessage,
} from './codec.ts'

export { listSysctls, readLegacyTables, readSysctl, writeSysctl } from '../system/sysctl.ts'

const routeProtocol = 0 // NETLINK_ROUTE
export const netfilterProtocol = 12 // NETLINK_NETFILTER
const requestBuffer = 1 << 20
const eventBuffer = 8 << 20 // some 10,000 route events of a burst while we are busy; what is more is an overflow
const timeout = 5_000 // milliseconds; the kernel answers at once, or is in deep trouble
const dumpTries = 5

/** What a request is, for its errors. */
export interface Purpose {
  readonly op: string
  readonly target: string
}

interface Outstanding {
  readonly seq: number
  readonly purpose: Purpose
  readonly messages: NetlinkMessage[]
  interrupted: boolean
  resolve(): void
  reject(error: Error): void
}

/** Requests, one at a time: the kernel serves no more anyway, and a dump has the socket's buffer for itself. */
export class RequestSocket implements Disposable {
  readonly #endpoint: NetlinkEndpoint
  readonly #log: Log
  #last: Promise<unknown> = Promise.resolve()
  #outstanding: Outstanding | undefined
  #seq = 0

  constructor(log: Log, protocol = routeProtocol) {
    this.#log = log
    this.#endpoint = openNetlink({ protocol, receiveBuffer: requestBuffer })
    this.#endpoint.listen(
      bytes => this.#receive(bytes),
      error => this.#outstanding?.reject(error), // an answer may be lost
    )
    this.#endpoint.unref() // an idle socket keeps nobody waiting
  }

  /** Waits for the kernel to do it. Throws a KernelError with the kernel's own sentence as its cause. */
  async change(type: number, flags: number, body: Uint8Array, purpose: Purpose): Promise<void> {
    await this.#queue(() => this.#request(type, flags | Flags.ACK, body, purpose))
  }

  /** All messages of a dump. One that changes hands meanwhile is read again, a few times. Throws a KernelError. */
  async dump(type: number, body: Uint8Array, purpose: Purpose): Promise<readonly NetlinkMessage[]> {
    for (let tries = 1; ; tries++) {
      const { messages, interrupted } = await this.#queue(() => this.#request(type, FlagsGet.DUMP, body, purpose))
      // What interrupts a dump also sends an event, so the last try is followed by another dump soon.
      if (!interrupted || tries === dumpTries) return messages
    }
  }

  [Symbol.dispose](): void {
    this.#endpoint.close()
    this.#outstanding?.reject(new KernelError('ask', 'netlink', 'ECANCELED'))
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  async #request(type: number, flags: number, body: Uint8Array, purpose: Purpose): Promise<Outstanding> {
    this.#seq = (this.#seq + 1) >>> 0 || 1
    const seq = this.#seq
    const late = new AbortController()
    this.#endpoint.ref()
    try {
      const answered = new Promise<Outstanding>((resolve, reject) => {
        const outstanding = {
          seq,
          purpose,
          messages: [],
          interrupted: false,
          resolve: () => resolve(outstanding),
          reject,
        }
        this.#outstanding = outstanding
      })
      const expired = sleep(timeout, late.signal).then(() => {
        throw new KernelError(purpose.op, purpose.target, 'ETIMEDOUT')
      })
      expired.catch(() => {}) // when the answer won
      this.#endpoint.send(encodeMessage({ type, flags: flags | Flags.REQUEST, seq, body }))
      return await Promise.race([answered, expired])
    } finally {
      this.#outstanding = undefined
      late.abort()
      this.#endpoint.unref()
    }
  }

  #receive(datagram: Uint8Array): void {
    try {
      for (const message of decodeMessages(datagram)) this.#take(message)
    } catch (error) {
      this.#log.error({ err: error }, 'a netlink answer could not be read')
      this.#outstanding?.reject(error as Error)
    }
  }

  #take(message: NetlinkMessage): void {
    const outstanding = this.#outstanding
    if (outstanding?.seq !== message.seq) return // the answer to a request that was given up
    if (message.flags & Flags.DUMP_INTR) outstanding.interrupted = true
    if (message.type === MessageType.ERROR || message.type === MessageType.DONE) this.#finish(outstanding, message)
    else outstanding.messages.push({ ...message, data: Buffer.from(message.data) }) // the datagram's memory is used again
  }

  /** DONE carries an errno too, where a dump failed on its way; both carry the kernel's sentence. */
  #finish(outstanding: Outstanding, message: NetlinkMessage): void {
    const { op, target } = outstanding.purpose
    const error = decodeError(message)
    if (!error) outstanding.resolve()
    else
      outstanding.reject(new KernelError(op, target, error.errno, error.text ? { cause: new Error(error.text) } : {}))
  }
}

/** Events of multicast groups. `onEvents` hears every message; `onOverflow` that some were lost. Neither may throw for long. */
export class EventSocket implements Disposable {
  readonly #endpoint: NetlinkEndpoint
  readonly #joined = new Set<number>()

  constructor(log: Log, onEvent: (message: NetlinkMessage) => void, onOverflow: () => void) {
    this.#endpoint = openNetlink({ protocol: routeProtocol, receiveBuffer: eventBuffer })
    this.#endpoint.listen(
      bytes => {
        try {
          for (const message of decodeMessages(bytes)) onEvent(message)
        } catch (error) {
          log.error({ err: error }, 'a netlink event could not be read')
          onOverflow() // as good as lost
        }
      },
      error => {
        log.debug({ err: error }, 'netlink events were lost')
        onOverflow()
      },
    )
  }

  /** Throws a KernelError. */
  join(group: number): void {
    if (this.#joined.has(group)) return
    this.#endpoint.join(group)
    this.#joined.add(group)
  }

  [Symbol.dispose](): void {
    this.#endpoint.close()
  }
}
