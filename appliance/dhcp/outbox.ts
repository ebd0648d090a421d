import type { Clock } from '../base/clock.ts'
import { formatIp6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Binding } from './binding.ts'
import type { Counters } from './counters.ts'
import type { Addressed, Reply } from './packet.ts'
import type { UdpOut } from './socket.ts'

interface OutboxOptions {
  /** Stores what was staged, and then says whether it is. */
  readonly commit: (done: (stored: boolean) => void) => void
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Log
  readonly routed?: ((delegations: readonly Binding[]) => Promise<boolean>) | undefined
  readonly send: (batch: readonly UdpOut[]) => readonly { readonly index: number; readonly errno: string }[]
}

/** Replies on their way out: what they promise is stored first, then the routes of what they delegate stand, then they leave. */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #throttle: Throttle
  #replies: Reply[] = []

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#throttle = new Throttle(options.clock)
  }

  push(reply: Reply): void {
    this.#replies.push(reply)
  }

  /** Sends what promises nothing, stores what was staged, and sends the rest when it is. */
  flush(): void {
    const { commit } = this.#options
    const replies = this.#replies
    this.#replies = []
    this.#send(replies.filter(({ promises }) => !promises))
    const promised = replies.filter(({ promises }) => promises)
    commit(stored => this.#settle(promised, stored))
  }

  #settle(promised: readonly Reply[], stored: boolean): void {
    if (!stored) {
      this.#options.counters.unstored += promised.length
      return
    }
    this.#send(promised.filter(({ delegations }) => delegations === undefined))
    for (const reply of promised) if (reply.delegations) void this.#sendRouted(reply, reply.delegations)
  }

  /** Sends at once. Returns how many left. */
  transmit(messages: readonly Addressed[]): number {
    const { send, log } = this.#options
    const failures = send(messages.map(({ bytes, to, port }) => ({ bytes, address: to, port })))
    for (const { index, errno } of failures)
      log.debug({ to: formatIp6(messages[index]!.to), errno }, 'a DHCPv6 message did not leave')
    return messages.length - failures.length
  }

  /** A prefix is told of only when what is for it goes to its client. */
  async #sendRouted(reply: Reply, delegations: readonly Binding[]): Promise<void> {
    const { routed, counters, log } = this.#options
    if ((await routed?.(delegations)) ?? true) {
      this.#send([reply])
      return
    }
    counters.unrouted++ // the client will retransmit
    const pass = this.#throttle.pass('unrouted')
    if (pass) log.warn({ to: formatIp6(reply.to), ...pass }, 'a delegated prefix has no route: its client is not told')
  }

  #send(replies: readonly Reply[]): void {
    if (replies.length === 0) return
    const { counters } = this.#options
    const left = this.transmit(replies)
    counters.answered += left
    counters.unsent += replies.length - left // the client will retransmit
  }
}
