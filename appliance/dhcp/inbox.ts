import { copied } from '../base/bytes.ts'
import type { Ip6 } from '../base/ip6.ts'
import { FairQueue } from './fair-queue.ts'
import { MessageType } from './message.ts'
import { clientOf } from './relay-message.ts'
import type { UdpIn } from './socket.ts'

const few = 32 // that arrive together are no flood, and are answered at once
const mostWaiting = 8192 // our own: a quarter of a second's work
const mostAtOnce = 256 // are one transaction; then the socket is emptied again

/**
 * Datagrams between the socket and their turn. When many come at once the socket is emptied first, so that what a flood leaves no
 * room for is decided here and not by the kernel, and hosts are served in turn.
 */
export class Inbox {
  readonly #serve: (batch: readonly UdpIn[]) => void
  readonly #drop: (datagram: UdpIn) => void
  readonly #later: (body: () => void) => void
  readonly #waiting = new FairQueue<Ip6, UdpIn>(mostWaiting)
  #due = false

  /** `later` calls its argument when the socket has been looked at again. */
  constructor(options: {
    serve(batch: readonly UdpIn[]): void
    drop(datagram: UdpIn): void
    later(body: () => void): void
  }) {
    this.#serve = options.serve
    this.#drop = options.drop
    this.#later = options.later
  }

  /** What has arrived, in memory that the socket will use again. */
  receive(batch: readonly UdpIn[]): void {
    if (this.#waiting.size === 0 && batch.length <= few) {
      this.#serve(batch)
      return
    }
    for (const datagram of batch) {
      const lost = this.#waiting.push(sourceOf(datagram), { ...datagram, bytes: copied(datagram.bytes) })
      if (lost) this.#drop(lost)
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#due) return
    this.#due = true
    this.#later(() => {
      this.#due = false
      this.#serve(this.#waiting.take(mostAtOnce))
      if (this.#waiting.size > 0) this.#schedule()
    })
  }
}

/** Whoever sent it: relays speak for many, and the innermost of them names the client. */
function sourceOf({ bytes, address }: UdpIn): Ip6 {
  return (bytes[0] === MessageType.relayForward && clientOf(bytes)) || address
}
