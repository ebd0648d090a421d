/** The neighbour responder on one LAN: the socket and the log around responder.ts. It keeps no state about any address. */
import { toHex } from '../base/bytes.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { equalPrefix, type Ip6, type Prefix } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import { answerSolicitation, isFrameFor, readSolicitation } from '../plane/solicitation.ts'
import { answersFor, type ResponderScope } from './responder.ts'
import { type Endpoint, type FrameIn, type FrameOut, type LinkRef, openSolicitationSocket } from './socket.ts'

export interface LanResponderOptions extends ResponderScope {
  readonly link: LinkRef & { readonly mac: Mac }
  readonly linkLocal: Ip6 // of the link, not tentative
  readonly log: Log
  readonly clock?: Clock
  readonly open?: (link: LinkRef, prefix: Prefix) => Endpoint<FrameIn, FrameOut>
}

/** Since the start. */
export interface ResponderCounters {
  readonly answered: number // solicitations
  readonly defended: number // probes for duplicates
  readonly ignored: number // all of the next
  readonly 'ignored.invalid': number
  readonly 'ignored.forOthers': number // sent to another machine, seen because the card listens to everything
  readonly 'ignored.ofThisLan': number // its hosts and the kernel answer for themselves
  readonly sendErrors: number
  readonly bugs: number // frames that found one
}

const bugPrefix = 512 // octets of a frame that go to the log

export class LanResponder {
  readonly #options: LanResponderOptions
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #counters = {
    answered: 0,
    defended: 0,
    ignored: 0,
    'ignored.invalid': 0,
    'ignored.forOthers': 0,
    'ignored.ofThisLan': 0,
    sendErrors: 0,
    bugs: 0,
  }
  #scope: ResponderScope
  #endpoint: Endpoint<FrameIn, FrameOut> | undefined

  constructor(options: LanResponderOptions) {
    this.#options = options
    this.#log = options.log
    this.#throttle = new Throttle(options.clock ?? systemClock)
    this.#scope = options
  }

  /** Opens the socket and answers from now on. Throws a KernelError. */
  start(): void {
    const { open = openSolicitationSocket, link } = this.#options
    const endpoint = open(link, this.#scope.networkPrefix)
    this.#endpoint = endpoint
    endpoint.listen(
      batch => this.#receive(endpoint, batch),
      error => this.#complain('socket', { err: error }, 'the socket for neighbour solicitations failed to read'),
    )
  }

  /** Throws a KernelError where the network is another one, since the socket's filter knows its prefix. */
  update(scope: ResponderScope): void {
    const other = !equalPrefix(scope.networkPrefix, this.#scope.networkPrefix)
    this.#scope = scope
    if (!other || !this.#endpoint) return
    this.stop()
    this.start()
  }

  stop(): void {
    this.#endpoint?.close()
    this.#endpoint = undefined
  }

  counters(): ResponderCounters {
    return { ...this.#counters }
  }

  #receive(endpoint: Endpoint<FrameIn, FrameOut>, batch: readonly FrameIn[]): void {
    const answers: FrameOut[] = []
    for (const { frame } of batch) {
      try {
        const answer = this.#answer(frame)
        if (answer) answers.push({ frame: answer })
      } catch (error) {
        // Our bug costs the frame that found it, not the daemon: otherwise any host of the LAN could keep us restarting.
        this.#counters.bugs++
        const held = this.#throttle.pass('bug')
        const packet = toHex(frame.subarray(0, bugPrefix))
        if (held) this.#log.error({ err: error, packet, ...held }, 'a neighbour solicitation found a bug')
      }
    }
    if (answers.length > 0) this.#send(endpoint, answers)
  }

  #answer(frame: Uint8Array): Uint8Array | undefined {
    const solicitation = readSolicitation(frame)
    if (!solicitation) return this.#ignore('invalid')
    if (!isFrameFor(this.#options.link.mac, frame)) return this.#ignore('forOthers')
    if (!answersFor(solicitation.target, this.#scope)) return this.#ignore('ofThisLan')
    if (solicitation.dad) this.#counters.defended++
    else this.#counters.answered++
    return answerSolicitation(solicitation, {
      mac: this.#options.link.mac,
      source: this.#options.linkLocal,
      router: true,
    })
  }

  #ignore(reason: 'invalid' | 'forOthers' | 'ofThisLan'): undefined {
    this.#counters.ignored++
    this.#counters[`ignored.${reason}`]++
  }

  #send(endpoint: Endpoint<FrameIn, FrameOut>, answers: readonly FrameOut[]): void {
    try {
      const [first, ...rest] = endpoint.send(answers)
      if (!first) return
      this.#counters.sendErrors += 1 + rest.length
      this.#complain('send', { errno: first.errno }, 'could not send a neighbour advertisement') // the host asks again
    } catch (error) {
      this.#counters.sendErrors += answers.length
      this.#complain('send', { err: error }, 'could not send a neighbour advertisement')
    }
  }

  #complain(key: string, fields: object, text: string): void {
    const held = this.#throttle.pass(key)
    if (held) this.#log.warn({ ...fields, ...held }, text)
  }
}
