/**
 * Neighbours on the overlay without a table: the kernel asks us (app_solicit) and the answer is computed; peers that solicit for
 * any address of our /80 are answered with our MAC. When we are gone the kernel helps itself by ordinary neighbour discovery.
 */
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Ip6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Site } from '../plane/site.ts'
import { answerSolicitation, isFrameFor, readSolicitation } from '../plane/solicitation.ts'
import { decodeEvents, encodeAnswer, encodeRemoval, type NeighbourEvent } from './neighbour-message.ts'
import { macBehind } from './owner.ts'
import type { Endpoint, FrameIn, FrameOut, LinkRef, QuestionSocket, Sockets } from './socket.ts'
import { systemSockets } from './socket.ts'

/**
 * Entries that Linux has room for are 1,024, for all links together: someone on a LAN who scans the /40 would take them all. So the
 * oldest answers are taken back. Who still sends there asks again at the next packet, which waits for some 40 µs.
 */
const mostEntries = 384

/** Since the start, monotonic. */
export interface ResolverCounters {
  readonly questions: number // of the kernel, for a neighbour on the overlay
  readonly resolved: number // answered
  readonly unknown: number // for addresses that no other node owns
  readonly refused: number // answers that the kernel didn't take: the entry was gone
  readonly takenBack: number // answers, for want of room
  readonly lost: number // times that questions were lost in a burst; the kernel helped itself
  readonly solicitations: number // of peers, for an address of ours
  readonly answered: number
  readonly failed: number // answers that could not leave
}

export class OverlayResolver {
  readonly #link: LinkRef
  readonly #site: Site
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #sockets: Sockets
  readonly #count = {
    questions: 0,
    resolved: 0,
    unknown: 0,
    refused: 0,
    takenBack: 0,
    lost: 0,
    solicitations: 0,
    answered: 0,
    failed: 0,
  }
  #questions: QuestionSocket | undefined
  #frames: Endpoint<FrameIn, FrameOut> | undefined
  #held: ReadonlySet<Ip6> = new Set()
  #answers: Uint8Array[] = []
  readonly #entries = new Set<Ip6>() // that were answered, the oldest first

  constructor(o: { link: LinkRef; site: Site; log: Log; clock: Clock; sockets?: Sockets }) {
    this.#link = o.link
    this.#site = o.site
    this.#log = o.log.child({ link: o.link.name })
    this.#throttle = new Throttle(o.clock)
    this.#sockets = o.sockets ?? systemSockets
  }

  /** Throws a KernelError, with nothing left open. Starting twice is no error. */
  start(): void {
    if (this.#questions) return
    try {
      this.#questions = this.#sockets.questions()
      this.#frames = this.#sockets.solicitations(this.#link, this.#site.sitePrefix)
      this.#held = this.#sockets.held(this.#link) // after joining, so that no change is missed
    } catch (error) {
      this.stop()
      throw error
    }
    this.#questions.listen(
      bytes => this.#hear(bytes),
      error => {
        this.#count.lost++
        this.#held = this.#sockets.held(this.#link)
        this.#complain('lost', 'neighbour questions of the kernel were lost', { err: error })
      },
    )
    this.#frames.listen(
      batch => this.#answerPeers(batch),
      error => this.#complain(error.errno, 'the overlay link refused to be read', { err: error }),
    )
  }

  stop(): void {
    this.#questions?.[Symbol.dispose]()
    this.#frames?.close()
    this.#questions = undefined
    this.#frames = undefined
    this.#answers = []
    this.#entries.clear()
  }

  counters(): ResolverCounters {
    return { ...this.#count }
  }

  #hear(datagram: Uint8Array): void {
    try {
      for (const event of decodeEvents(datagram)) this.#take(event)
    } catch (error) {
      this.#complain('decode', 'a netlink event could not be read', { err: error })
    }
  }

  #take(event: NeighbourEvent): void {
    switch (event.kind) {
      case 'question':
        if (event.link === this.#link.index) this.#resolve(event.address)
        break
      case 'refusal':
        this.#count.refused++
        break
      case 'addresses-changed':
        this.#held = this.#sockets.held(this.#link)
        break
      default:
        throw event satisfies never
    }
  }

  #resolve(address: Ip6): void {
    this.#count.questions++
    const mac = macBehind(this.#site, address)
    if (!mac) {
      this.#count.unknown++
      return
    }
    // A burst is answered in one datagram, when all that was asked in this turn has been read.
    if (this.#answers.push(encodeAnswer(this.#link.index, address, mac)) === 1) queueMicrotask(() => this.#flush())
    this.#entries.delete(address)
    this.#entries.add(address)
  }

  #flush(): void {
    const answers = this.#answers
    this.#answers = []
    if (!this.#questions || answers.length === 0) return
    try {
      this.#questions.send(Buffer.concat([...answers, ...this.#takeBack()]))
      this.#count.resolved += answers.length
    } catch (error) {
      this.#count.failed += answers.length
      this.#complain('answer', 'the kernel did not take an answer', { reason: messageOf(error) })
    }
  }

  #takeBack(): Uint8Array[] {
    const removals: Uint8Array[] = []
    for (const address of this.#entries) {
      if (this.#entries.size <= mostEntries) break
      this.#entries.delete(address)
      removals.push(encodeRemoval(this.#link.index, address))
    }
    this.#count.takenBack += removals.length
    return removals
  }

  #answerPeers(batch: readonly FrameIn[]): void {
    const { mac, address: source } = this.#site
    const frames: FrameOut[] = []
    for (const { frame } of batch) {
      const solicitation = isFrameFor(mac, frame) ? readSolicitation(frame) : undefined
      if (!solicitation) continue
      this.#count.solicitations++
      // The kernel answers for what it holds on this link; the socket's filter lets only our /80 pass.
      if (this.#held.has(solicitation.target)) continue
      frames.push({ frame: answerSolicitation(solicitation, { mac, source, router: true }) })
    }
    if (frames.length === 0) return
    const failures = this.#frames?.send(frames) ?? []
    this.#count.answered += frames.length - failures.length
    this.#count.failed += failures.length
    if (failures.length > 0)
      this.#complain('send', 'an answer to a solicitation did not leave', { errno: failures[0]!.errno })
  }

  #complain(key: string, text: string, fields: object): void {
    const passed = this.#throttle.pass(key)
    if (passed) this.#log.warn({ ...fields, ...(passed.held > 0 ? { held: passed.held } : {}) }, text)
  }
}
