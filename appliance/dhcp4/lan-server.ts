/** The DHCPv4 server of one LAN: its sockets and timers, and what the status shows of it. */
import { DecodeError, toHex } from '../base/bytes.ts'
import { Alarm, type Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { broadcast4, formatIp4, type Ip4, isHostOf, lastOf4, unspecified4 } from '../base/ip4.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import type { Context4 } from './choice.ts'
import { clientOf } from './client.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import { clientPort, decodeArp, decodeDatagram, encodeDatagram, encodeProbe, everyone, serverPort } from './frame.ts'
import type { Lease4 } from './lease.ts'
import { addressIn, type Message4, option, type Type4, typeOf } from './message.ts'
import { Offers } from './offers.ts'
import { Probes4 } from './probes.ts'
import type { Reply4 } from './reply.ts'
import { question, type Rival4, Rivals } from './rivals.ts'
import type { Scope4 } from './scope.ts'
import { decide, type Outcome4, type Reason4 } from './server.ts'
import { type FrameIn, type LinkRef, openSockets4, type Sockets4 } from './socket.ts'
import type { Store4 } from './store.ts'

export interface LanServer4Options {
  readonly link: LinkRef & { readonly mac: Mac }
  readonly scope: Scope4
  readonly store: Store4
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly open?: (link: LinkRef) => Sockets4
}

const reopenAfter = 2_000 // ms; another server on this machine may go away
const mostHeld = 256 // clients that wait for the end of the search; the others ask again
const pruneEvery = 60_000 // ms
const told = 600_000 // ms that a notice stands

type Counter =
  | `received.${Type4}`
  | `sent.${Type4}`
  | `dropped.${Reason4 | 'flooded'}`
  | 'probes'
  | 'unstored'
  | 'unsent'

export class LanServer4 {
  readonly #options: LanServer4Options
  readonly #log: Log
  readonly #clock: Clock
  readonly #throttle: Throttle
  readonly #offers = new Offers()
  readonly #probes: Probes4
  #rivals: Rivals
  readonly #asking: Alarm
  readonly #pruning: Alarm
  readonly #opening: Alarm
  readonly #settling: Alarm
  readonly #held = new Map<string, { readonly message: Message4; readonly frame: Uint8Array }>() // by client
  readonly #counters = new Map<Counter, number>()
  #scope: Scope4
  #sockets: Sockets4 | undefined
  #failure: string | undefined
  #replies: Reply4[] = []
  #fullAt = Number.NEGATIVE_INFINITY
  #relayed: { readonly relay: Ip4; readonly at: number } | undefined

  constructor(options: LanServer4Options) {
    this.#options = options
    this.#scope = options.scope
    this.#log = options.log
    this.#clock = options.clock
    this.#throttle = new Throttle(options.clock)
    this.#rivals = new Rivals(this.#clock.monotonic())
    this.#asking = new Alarm(this.#clock, () => this.#ask())
    this.#pruning = new Alarm(this.#clock, () => this.#prune())
    this.#opening = new Alarm(this.#clock, () => this.#open())
    this.#settling = new Alarm(this.#clock, () => this.#answerHeld())
    this.#probes = new Probes4(this.#clock, address => {
      this.#count('probes')
      this.#sockets?.arp.send([{ frame: encodeProbe(options.link.mac, address) }])
    })
  }

  /** Serves from now on. Where a socket can't be had it says so in `reasons` and tries again. */
  start(): void {
    this.#open()
    this.#prune()
  }

  /** Later messages are answered by the new scope; leases stay. */
  update(scope: Scope4): void {
    this.#scope = scope
  }

  stop(): void {
    for (const alarm of [this.#asking, this.#pruning, this.#opening, this.#settling]) alarm.cancel()
    this.#probes.stop()
    this.#sockets?.[Symbol.dispose]()
    this.#sockets = undefined
  }

  otherServers(): readonly Rival4[] {
    return this.#rivals.list(this.#clock.monotonic())
  }

  /** Why nobody is served, as a clause. */
  get failure(): string | undefined {
    return this.#failure && `DHCPv4 on ${this.#options.link.name} can't be served: ${this.#failure}`
  }

  /** What is wrong with this LAN's server, as clauses. */
  reasons(): string[] {
    const { link } = this.#options
    const reasons: string[] = this.failure === undefined ? [] : [this.failure]
    for (const { address, mac } of this.otherServers()) {
      const rival = `another DHCPv4 server is on ${link.name}: ${formatIp4(address)} (${mac})`
      reasons.push(
        this.#scope.besideOthers
          ? `${rival}; both give addresses`
          : `${rival}: hosts get no new address from us until it is off (or ipv4.besideOthers is true)`,
      )
    }
    if (this.#clock.monotonic() - this.#fullAt < pruneEvery)
      reasons.push(`the pool of IPv4 addresses on ${link.name} is full: a host was told nothing`)
    return reasons
  }

  /** What to know although all is well with this LAN's server, as sentences. */
  notices(): string[] {
    const { name } = this.#options.link
    if (!this.#relayed || this.#clock.monotonic() - this.#relayed.at >= told) return []
    return [`messages of the relay ${formatIp4(this.#relayed.relay)} are dropped: DHCPv4 on ${name} serves no relays`]
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters)
  }

  #open(): void {
    const { link, open = openSockets4 } = this.#options
    try {
      this.#sockets = open(link)
    } catch (error) {
      this.#failure = messageOf(error)
      const pass = this.#throttle.pass('open')
      if (pass) this.#log.error({ err: error, ...pass }, 'the DHCPv4 sockets can not be opened')
      this.#opening.set(this.#clock.monotonic() + reopenAfter)
      return
    }
    this.#failure = undefined
    this.#rivals = new Rivals(this.#clock.monotonic()) // nobody could answer before
    const failed = (error: Error) => {
      const pass = this.#throttle.pass('socket')
      if (pass) this.#log.warn({ err: error, ...pass }, 'a DHCPv4 socket reported an error')
    }
    this.#sockets.datagrams.listen(batch => this.#turn(batch), failed)
    this.#sockets.arp.listen(batch => {
      for (const { frame } of batch) this.#guard(frame, () => this.#hearArp(frame))
    }, failed)
    this.#ask()
  }

  /** All that came at once is decided, stored in one go, and then answered. */
  #turn(batch: readonly FrameIn[]): void {
    for (const { frame } of batch) this.#guard(frame, () => this.#receive(frame))
    this.#flush()
  }

  #receive(frame: Uint8Array): void {
    const { source, destination, bytes } = decodeDatagram(frame)
    const message = decodeMessage(bytes)
    const type = typeOf(message)
    if (destination.port === clientPort) {
      if (message.op === 'reply') this.#hearServer(message, source.mac)
      return
    }
    if (type) this.#count(`received.${type}`)
    if (!this.#isForUs(destination.address)) {
      this.#count('dropped.for-other-server') // whose way leads through this router
      return
    }
    this.#answer(message, frame.slice())
  }

  #isForUs(address: Ip4): boolean {
    const { subnet } = this.#scope
    return address === broadcast4 || address === subnet.address || address === lastOf4(subnet)
  }

  #answer(message: Message4, frame: Uint8Array): void {
    const outcome = decide(message, this.#context())
    if (outcome.kind === 'ignore' && outcome.reason === 'searching' && this.#hold(message, frame)) return
    if (outcome.kind !== 'probe') {
      this.#settle(message, outcome)
      return
    }
    const decideAgain = () => {
      this.#guard(frame, () => this.#answer(message, frame))
      this.#flush()
    }
    if (!this.#probes.ask(outcome.address, clientOf(message).key, decideAgain)) this.#count('dropped.flooded')
  }

  /** Who comes while the search goes on is answered at its end. */
  #hold(message: Message4, frame: Uint8Array): boolean {
    const { key } = clientOf(message)
    if (!this.#held.has(key) && this.#held.size >= mostHeld) return false
    this.#held.set(key, { message, frame })
    this.#settling.set(this.#rivals.settledAt)
    return true
  }

  #answerHeld(): void {
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const { message, frame } of held) this.#guard(frame, () => this.#answer(message, frame))
    this.#flush()
  }

  #settle(message: Message4, outcome: Exclude<Outcome4, { kind: 'probe' }>): void {
    const { store } = this.#options
    const changes = outcome.changes ?? []
    store.stage(changes)
    for (const { lease } of changes) if (lease?.state === 'declined') this.#tellUsed(lease)
    const { key } = clientOf(message)
    switch (outcome.kind) {
      case 'reply':
        if (outcome.offer !== undefined) this.#offers.put(outcome.offer, key, store.now())
        else this.#offers.end(key)
        this.#replies.push(outcome.reply)
        return
      case 'ignore':
        this.#count(`dropped.${outcome.reason}`)
        if (outcome.reason === 'no-free-address') this.#fullAt = this.#clock.monotonic()
        if (outcome.reason === 'relayed') this.#relayed = { relay: message.giaddr, at: this.#clock.monotonic() }
        if (outcome.reason === 'for-other-server') this.#lose(key)
        return
      case 'silent':
        this.#offers.end(key)
        return
      default:
        outcome satisfies never
    }
  }

  /** Stores what was staged, and then sends. A reply is a promise. */
  #flush(): void {
    const replies = this.#replies
    this.#replies = []
    this.#options.store.commit(stored => {
      if (stored) this.#send(replies)
      else this.#count('unstored', replies.length) // the clients will ask again
    })
  }

  #send(replies: readonly Reply4[]): void {
    if (replies.length === 0 || !this.#sockets) return
    const failures = this.#sockets.datagrams.send(replies.map(reply => ({ frame: this.#frameOf(reply) })))
    for (const { type } of replies) this.#count(`sent.${type}`)
    if (failures.length > 0) this.#count('unsent', failures.length)
  }

  #frameOf({ message, mac, address }: Reply4): Uint8Array {
    return encodeDatagram({
      source: { mac: this.#options.link.mac, address: this.#scope.subnet.address, port: serverPort },
      destination: { mac, address, port: clientPort },
      bytes: encodeMessage(message),
    })
  }

  #context(): Context4 {
    const { store, secret } = this.#options
    return {
      scope: this.#scope,
      leases: store.leases,
      offers: this.#offers,
      secret,
      now: store.now(),
      others: this.#rivals.state(this.#clock.monotonic()),
      probed: address => this.#probes.found(address),
    }
  }

  #ask(): void {
    const { link, random } = this.#options
    const { now, next } = this.#rivals.ask(this.#clock.monotonic())
    this.#asking.set(next)
    if (!now || !this.#sockets) return
    const bytes = encodeMessage(question(link.mac, Math.floor(random() * 0x1_0000_0000)))
    const source = { mac: link.mac, address: unspecified4, port: clientPort }
    const destination = { mac: everyone, address: broadcast4, port: serverPort }
    this.#sockets.datagrams.send([{ frame: encodeDatagram({ source, destination, bytes }) }])
  }

  #hearServer(message: Message4, mac: Mac): void {
    const address = addressIn(message, option.serverIdentifier)
    if (address === undefined || address === this.#scope.subnet.address) return
    const isNews = this.#rivals.hear({ address, mac }, this.#clock.monotonic())
    this.#ask()
    if (isNews) this.#log.warn({ address: formatIp4(address), mac }, 'another DHCPv4 server is on the LAN')
  }

  /** A client has chosen another server. */
  #lose(client: string): void {
    this.#offers.end(client)
    this.#rivals.suspect(this.#clock.monotonic())
    this.#ask()
  }

  #hearArp(frame: Uint8Array): void {
    const { mac, address } = decodeArp(frame)
    if (mac !== this.#options.link.mac && isHostOf(this.#scope.subnet, address)) this.#probes.hear(address, mac)
  }

  #tellUsed({ address, mac }: Lease4): void {
    const pass = this.#throttle.pass('used')
    if (pass)
      this.#log.warn({ address: formatIp4(address), mac, ...pass }, 'a host uses an IPv4 address that is not its own')
  }

  #prune(): void {
    this.#offers.prune(this.#options.store.now())
    this.#pruning.set(this.#clock.monotonic() + pruneEvery)
  }

  /** Our bug costs the packet that found it, not the daemon. */
  #guard(frame: Uint8Array, body: () => void): void {
    try {
      body()
    } catch (error) {
      if (error instanceof DecodeError) {
        this.#count('dropped.malformed')
        this.#log.debug({ reason: error.message }, 'dropped a malformed frame')
        return
      }
      const pass = this.#throttle.pass('bug')
      if (pass) this.#log.error({ err: error, packet: toHex(frame), ...pass }, 'a DHCPv4 message found a bug')
    }
  }

  #count(counter: Counter, by = 1): void {
    this.#counters.set(counter, (this.#counters.get(counter) ?? 0) + by)
  }
}
