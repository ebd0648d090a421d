/**
 * What becomes of a datagram: read, decided on and put into the outbox. Everything that arrives in one turn of the event loop is
 * stored in one transaction and then answered in one call; questions to the LAN (whose MAC is it, is the first host still there)
 * put a message aside until they are answered.
 */
import { DecodeError, toHex } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { formatIp6, type Ip6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import { admit } from './admission.ts'
import type { Probe } from './context.ts'
import { type Counters, type Reason, reasons } from './counters.ts'
import { encodeFitting } from './fit.ts'
import type { Identity } from './identity.ts'
import { leasequery } from './leasequery.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from './message.ts'
import type { Neighbours } from './neighbours.ts'
import { type News, sentences } from './news.ts'
import type { Outbox } from './outbox.ts'
import { addressed, delegationsOf, type Packet, probedByLease, roomFor, storesMac, suppliedTo } from './packet.ts'
import { Probes } from './probes.ts'
import type { Reconfigurer } from './reconfigurer.ts'
import type { Relays } from './relays.ts'
import type { Scope } from './scope.ts'
import { decide } from './server.ts'
import type { ServerSearch } from './server-search.ts'
import type { UdpIn } from './socket.ts'
import type { Store } from './store.ts'
import { refusal } from './validate.ts'

export interface ReceptionOptions {
  /** What the LAN itself is served with now; `scopes` are those of LANs behind it too. */
  readonly scope: () => Scope
  readonly scopes: () => readonly Scope[]
  readonly store: Store
  readonly identity: Identity
  readonly managedElsewhere: (() => boolean) | undefined
  readonly relays: Relays
  readonly search: ServerSearch
  readonly neighbours: Neighbours
  readonly reconfigurer: Reconfigurer | undefined
  readonly outbox: Outbox
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Log
}

export class Reception {
  readonly #options: ReceptionOptions
  readonly #throttle: Throttle
  readonly #probes: Probes
  #inTurn = false

  constructor(options: ReceptionOptions) {
    this.#options = options
    this.#throttle = new Throttle(options.clock)
    this.#probes = new Probes(options.clock)
  }

  /** Runs what may produce replies, stores what they promise, sends them. One inside another is part of it. */
  turn(body: () => void): void {
    if (this.#inTurn) {
      body()
      return
    }
    this.#inTurn = true
    try {
      body()
    } finally {
      this.#inTurn = false
    }
    this.#options.outbox.flush()
  }

  /** A datagram for which there is no room. */
  flooded(from: Ip6): void {
    const { counters, log } = this.#options
    counters.received++
    counters.ignored++
    counters['ignored.flood']++
    const pass = this.#throttle.pass('flood')
    const why = 'more DHCPv6 messages than can be answered: hosts are served in turn, and this one sends most'
    if (pass) log.warn({ from: formatIp6(from), ...pass }, why)
  }

  /** Datagrams that arrived together. */
  receive(batch: readonly UdpIn[]): void {
    for (const datagram of batch) {
      this.#options.counters.received++
      this.guard(datagram.bytes, () => this.#take(datagram))
    }
  }

  #take(datagram: UdpIn): void {
    const { bytes, address, port } = datagram
    const admission = admit(datagram, this.#options.scope().requesters)
    if (admission.kind === 'ignore') this.#ignore(address, admission.reason)
    else if (admission.kind === 'requester') this.#query(decodeMessage(bytes), address, port)
    else if (admission.kind === 'client')
      this.#identify({ message: decodeMessage(bytes), from: address, bytes, relayed: undefined })
    else {
      const opened = this.#options.relays.open(bytes, address, port, this.#options.scope(), this.#options.store.now())
      if (opened.kind === 'ignore') this.#ignore(address, opened.reason)
      else this.#identify({ message: decodeMessage(opened.message), from: opened.client, bytes, relayed: opened })
    }
  }

  /** A question about leases. It is answered at the port that it came from, as a relay and a host ask from different ones. */
  #query(message: Message, from: Ip6, port: number): void {
    const { store, identity } = this.#options
    const refused = refusal(message, identity.duid)
    if (refused !== undefined) {
      this.#ignore(from, refused)
      return
    }
    const scopes = this.#options.scopes()
    const reply = leasequery(message, { duid: identity.duid, scopes, bindings: store.bindings, now: store.now() })
    this.#options.outbox.push({ bytes: encodeMessage(reply), to: from, port, promises: false, delegations: undefined })
  }

  /** Finds out the sender's MAC, if need be by asking the LAN, then decides. */
  #identify(packet: Packet): void {
    const { message, from } = packet
    const refused = refusal(message, this.#options.identity.duid) // what is for others costs no question
    if (refused !== undefined) {
      this.#ignore(from, refused)
      return
    }
    if (packet.relayed) {
      this.#decide(packet, packet.relayed.mac) // it is out of the reach of our questions
      return
    }
    const mac = this.#options.neighbours.known(from)
    const matters = storesMac(message, this.#options.scope())
    if (mac !== undefined || !matters || !this.#options.neighbours.hasRoom) this.#decide(packet, mac)
    else this.#ask(packet, from, undefined, (kept, found) => this.#decide(kept, found))
  }

  #decide(packet: Packet, mac: Mac | undefined): void {
    const { message, from, relayed } = packet
    const { store, identity, managedElsewhere } = this.#options
    const scope = relayed?.scope ?? this.#options.scope()
    this.#options.reconfigurer?.heard(message, scope)
    const outcome = decide(message, {
      scope,
      identity,
      bindings: store.bindings,
      mac,
      from,
      linkLocal: relayed ? undefined : from,
      now: store.now(),
      rivals: this.#options.search.found,
      alone: () => this.#options.search.alone && !managedElsewhere?.(),
      probed: probe => (relayed ? probedByLease(store.bindings, store.now(), scope, probe) : this.#probes.found(probe)),
    })
    switch (outcome.kind) {
      case 'ignore':
        this.#ignore(from, outcome.reason)
        return
      case 'probe':
        this.#probe(packet, mac, outcome.probe)
        return
      case 'reply': {
        // A disk that can't keep leases must not draw clients here with our preference.
        if (message.type === MessageType.solicit && !store.usable()) {
          this.#options.counters.unstored++
          return
        }
        const welcome =
          this.#options.reconfigurer?.welcome(packet, scope, outcome.reply, outcome.changes) ?? outcome.reply
        const supplied = suppliedTo(packet, welcome)
        const reply = supplied.length === 0 ? welcome : { ...welcome, options: [...welcome.options, ...supplied] }
        const { bytes, leftOut } = encodeFitting(reply, outcome.optional + supplied.length, roomFor(packet))
        this.#options.counters.leftOut += leftOut
        store.stage(outcome.changes)
        const delegations = delegationsOf(outcome.changes)
        this.#options.outbox.push({
          ...addressed(bytes, from, relayed?.route),
          promises: outcome.changes.length > 0,
          delegations,
        })
        if (outcome.news) this.#tell(outcome.news)
        return
      }
      default:
        outcome satisfies never
    }
  }

  #probe(packet: Packet, mac: Mac | undefined, probe: Probe): void {
    if (!this.#options.neighbours.hasRoom) {
      this.#ignore(packet.from, 'tooManyQuestions')
      return
    }
    this.#ask(packet, probe.address, probe.mac, (kept, found) => {
      this.#probes.remember(probe, found ?? 'silent')
      this.#decide(kept, mac)
    })
  }

  /** Puts a packet aside until the LAN has answered, or has not. */
  #ask(packet: Packet, target: Ip6, wanted: Mac | undefined, then: (kept: Packet, mac: Mac | undefined) => void): void {
    const kept = { ...packet, bytes: packet.bytes.slice() } // the socket's buffer is used again
    this.#options.counters.questions++
    this.#options.neighbours.ask(target, wanted, mac => {
      this.turn(() => this.guard(kept.bytes, () => then(kept, mac)))
    })
  }

  /** One packet's trouble costs that packet only. */
  guard(bytes: Uint8Array, body: () => void): void {
    try {
      body()
    } catch (error) {
      if (error instanceof DecodeError) {
        this.#options.counters.malformed++
        this.#options.log.debug({ reason: error.message }, 'dropped a malformed DHCPv6 message')
        return
      }
      this.#options.counters.bugs++
      const pass = this.#throttle.pass('bug')
      if (pass) this.#options.log.error({ err: error, packet: toHex(bytes), ...pass }, 'a DHCPv6 message found a bug')
    }
  }

  #ignore(from: Ip6, reason: Reason): void {
    this.#options.counters.ignored++
    this.#options.counters[`ignored.${reason}`]++
    this.#options.log.debug({ from: formatIp6(from), reason: reasons[reason] }, 'ignored a DHCPv6 message')
  }

  #tell({ kind, duid, address }: News): void {
    const pass = this.#throttle.pass(kind)
    if (pass) this.#options.log.warn({ address: formatIp6(address), duid, ...pass }, sentences[kind])
  }
}
