/**
 * The DHCPv6 server of one LAN. What arrives together is decided, stored in one transaction and then answered in one call; questions to the LAN (whose MAC is it, is the first host still there) put a message aside until
 * they are answered.
 */
import { DecodeError, toHex } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatIp6, type Ip6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import { admit } from './admission.ts'
import { addressOf, type Binding, type Change, isLive } from './binding.ts'
import { type Clone, clonesOf } from './clones.ts'
import { type Counters, newCounters, type Reason, reasons } from './counters.ts'
import { encodeFitting } from './fit.ts'
import type { Identity } from './identity.ts'
import { Inbox } from './inbox.ts'
import { leasequery } from './leasequery.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from './message.ts'
import { Neighbours } from './neighbours.ts'
import type { OtherServer } from './other-servers.ts'
import { Outbox } from './outbox.ts'
import { addressed, delegationsOf, type Packet, probedByLease, roomFor } from './packet.ts'
import { Probes } from './probes.ts'
import { Relays, type Segment } from './relays.ts'
import type { Scope } from './scope.ts'
import { decide } from './server.ts'
import { type Rival, ServerSearch } from './server-search.ts'
import { type LinkRef, openSockets, type Sockets, type UdpIn } from './socket.ts'
import type { Store } from './store.ts'
import type { Probe } from './turn.ts'
import { refusal } from './validate.ts'

export type { Clone, OtherServer, Scope, Segment }

export interface LanServerOptions {
  readonly link: LinkRef & { readonly mac: Mac }
  readonly linkLocal: Ip6
  readonly scope: Scope
  /** LANs behind routers on this one. */
  readonly segments?: readonly Segment[]
  readonly store: Store
  readonly identity: Identity
  /** The MAC of a neighbour where the caller knows it; otherwise the LAN is asked. */
  readonly neighbour?: (address: Ip6) => Mac | undefined
  /** Whether a router of the LAN sends hosts to another DHCPv6 server, where the caller knows it. */
  readonly managedElsewhere?: () => boolean
  /** These delegations, and what else changed of them, are stored: whether the kernel's routes to them stand. */
  readonly routed?: (delegations: readonly Binding[]) => Promise<boolean>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly open?: (link: LinkRef) => Sockets
}

const reopenAfter = 2_000 // another server on this machine may go away

export class LanServer {
  readonly #options: LanServerOptions
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #search: ServerSearch
  readonly #relays: Relays
  readonly #neighbours: Neighbours
  readonly #probes: Probes
  readonly #outbox: Outbox
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #counters = newCounters()
  #scope: Scope
  #sockets: Sockets | undefined
  #failure: string | undefined
  #overflowed = 0 // in sockets that are closed
  #running = false
  #inTurn = false

  constructor(options: LanServerOptions) {
    this.#options = options
    this.#scope = options.scope
    this.#log = options.log
    this.#throttle = new Throttle(options.clock)
    this.#search = new ServerSearch({
      ...options,
      duid: options.identity.duid,
      send: frame => void this.#sockets?.frames.send([{ frame }]),
      after: (milliseconds, body) => this.#after(milliseconds, body),
    })
    this.#probes = new Probes(options.clock)
    this.#outbox = new Outbox({
      ...options,
      counters: this.#counters,
      send: batch => this.#sockets?.datagrams.send(batch) ?? [],
    })
    this.#relays = new Relays(options.link.name)
    this.#relays.replace(options.segments ?? [])
    this.#neighbours = new Neighbours({
      mac: options.link.mac,
      linkLocal: options.linkLocal,
      send: messages => void this.#sockets?.neighbours.send(messages),
      clock: options.clock,
    })
  }

  /** Serves from now on. Where a socket can't be had it says so in `reasons` and tries again. */
  start(): void {
    this.#running = true
    this.#open()
  }

  /** Later messages are answered by the new scopes; leases stay. */
  update(scope: Scope, segments: readonly Segment[] = []): void {
    this.#scope = scope
    this.#relays.replace(segments)
  }

  async stop(): Promise<void> {
    this.#running = false
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#neighbours.stop()
    this.#close()
  }

  activeLeases(): number {
    return this.#options.store.live(this.#scope.plan.subnet)
  }

  /** The LANs behind relays; `heardAt` is milliseconds since 1970. */
  segments(): (Segment & { readonly heardAt: number | undefined; readonly activeLeases: number })[] {
    return this.#relays.segments.map(segment => ({
      ...segment,
      heardAt: this.#relays.heardAt(segment.scope.plan.subnet),
      activeLeases: this.#options.store.live(segment.scope.plan.subnet),
    }))
  }

  /** What to know although all is served, as sentences. */
  notices(): string[] {
    return this.#relays.notices(this.#options.store.now())
  }

  /** Each with what it means for the hosts of this LAN, as a sentence. */
  otherServers(): Rival[] {
    return this.#search.list(this.#scope.preference)
  }

  /** A few of the copied hosts that have a lease now. */
  clones(): Clone[] {
    const { store } = this.#options
    const scopes = [this.#scope, ...this.#relays.segments.map(({ scope }) => scope)]
    return scopes.flatMap(({ plan: { subnet, prefix } }) =>
      clonesOf(store.copies(subnet), store.bindings, prefix, store.now()),
    )
  }

  /** What is wrong with this LAN's server, as clauses; the store has reasons of its own. */
  reasons(): string[] {
    const { link, store } = this.#options
    const reasons: string[] = []
    if (this.#failure !== undefined) reasons.push(`DHCPv6 on ${link.name} can't be served: ${this.#failure}`)
    const room = store.bindings.room(store.now())
    if (room.kind === 'full')
      reasons.push(`the lease table is full: new hosts on ${link.name} get no address until leases expire`)
    if (room.kind === 'reclaim' && isLive(room.binding, store.now())) {
      const who = room.binding.mac ?? 'hosts that hide their MAC'
      reasons.push(`the lease table is full: leases of ${who}, which has taken hundreds, are given up for other hosts`)
    }
    return reasons
  }

  counters(): Readonly<Counters> {
    return { ...this.#counters, overflowed: this.#overflowed + (this.#sockets?.datagrams.overflowed ?? 0) }
  }

  #open(): void {
    const { link, open = openSockets } = this.#options
    try {
      this.#sockets = open(link)
    } catch (error) {
      this.#failure = messageOf(error)
      const pass = this.#throttle.pass('open')
      if (pass) this.#log.error({ err: error, ...pass }, 'the DHCPv6 sockets can not be opened')
      this.#after(reopenAfter, () => this.#open())
      return
    }
    this.#failure = undefined
    const { datagrams, neighbours, frames } = this.#sockets
    const failed = (error: Error) => {
      const pass = this.#throttle.pass('socket')
      if (pass) this.#log.warn({ err: error, ...pass }, 'a DHCPv6 socket reported an error')
    }
    const inbox = new Inbox({
      serve: batch => this.#turn(() => this.#receive(batch)),
      drop: ({ address }) => this.#flooded(address),
      later: body => setImmediate(() => this.#sockets?.datagrams === datagrams && body()),
    })
    datagrams.listen(batch => inbox.receive(batch), failed)
    neighbours.listen(batch => this.#turn(() => this.#neighbours.hear(batch)), failed)
    frames.listen(batch => {
      for (const { frame } of batch) this.#guard(frame, () => this.#search.hear(frame, this.#scope.preference))
    }, failed)
    this.#search.start()
  }

  #close(): void {
    if (!this.#sockets) return
    const { datagrams, neighbours, frames } = this.#sockets
    this.#sockets = undefined
    this.#overflowed += datagrams.overflowed ?? 0
    for (const endpoint of [datagrams, neighbours, frames]) endpoint.close()
  }

  #after(delay: number, body: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#running) body()
    }, delay)
    timer.unref()
    this.#timers.add(timer)
  }

  /** Runs what may produce replies, stores what they promise, sends them. One inside another is part of it. */
  #turn(body: () => void): void {
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
    this.#outbox.flush()
  }

  #flooded(from: Ip6): void {
    this.#counters.received++
    this.#counters.ignored++
    this.#counters['ignored.flood']++
    const pass = this.#throttle.pass('flood')
    const why = 'more DHCPv6 messages than can be answered: hosts are served in turn, and this one sends most'
    if (pass) this.#log.warn({ from: formatIp6(from), ...pass }, why)
  }

  #receive(batch: readonly UdpIn[]): void {
    for (const datagram of batch) {
      this.#counters.received++
      this.#guard(datagram.bytes, () => this.#take(datagram))
    }
  }

  #take(datagram: UdpIn): void {
    const { bytes, address, port } = datagram
    const admission = admit(datagram, this.#scope.requesters)
    if (admission.kind === 'ignore') this.#ignore(address, admission.reason)
    else if (admission.kind === 'requester') this.#query(decodeMessage(bytes), address, port)
    else if (admission.kind === 'client')
      this.#identify({ message: decodeMessage(bytes), from: address, bytes, relayed: undefined })
    else {
      const opened = this.#relays.open(bytes, address, port, this.#scope, this.#options.store.now())
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
    const scopes = [this.#scope, ...this.#relays.segments.map(({ scope }) => scope)]
    const reply = leasequery(message, { duid: identity.duid, scopes, bindings: store.bindings, now: store.now() })
    this.#outbox.push({ bytes: encodeMessage(reply), to: from, port, promises: false, delegations: undefined })
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
    const mac = this.#neighbours.known(from) ?? this.#options.neighbour?.(from)
    const leases = message.options.some(({ kind }) => kind === 'ia-na' || (kind === 'ia-pd' && this.#scope.delegate))
    const matters = message.type !== MessageType.confirm && leases
    if (mac !== undefined || !matters || !this.#neighbours.hasRoom) this.#decide(packet, mac)
    else this.#ask(packet, from, undefined, (kept, found) => this.#decide(kept, found))
  }

  #decide(packet: Packet, mac: Mac | undefined): void {
    const { message, from, relayed } = packet
    const { store, identity, managedElsewhere } = this.#options
    const scope = relayed?.scope ?? this.#scope
    const outcome = decide(message, {
      scope,
      identity,
      bindings: store.bindings,
      mac,
      linkLocal: relayed ? undefined : from,
      now: store.now(),
      rivals: this.#search.found,
      alone: () => this.#search.alone && !managedElsewhere?.(),
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
          this.#counters.unstored++
          return
        }
        const { bytes, leftOut } = encodeFitting(outcome.reply, outcome.optional, roomFor(packet))
        this.#counters.leftOut += leftOut
        store.stage(outcome.changes)
        const delegations = delegationsOf(outcome.changes)
        this.#outbox.push({ ...addressed(bytes, packet), promises: outcome.changes.length > 0, delegations })
        this.#notice(message, outcome.changes)
        return
      }
      default:
        outcome satisfies never
    }
  }

  #probe(packet: Packet, mac: Mac | undefined, probe: Probe): void {
    if (!this.#neighbours.hasRoom) {
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
    this.#counters.questions++
    this.#neighbours.ask(target, wanted, mac => {
      if (this.#running) this.#turn(() => this.#guard(kept.bytes, () => then(kept, mac)))
    })
  }

  /** One packet's trouble costs that packet only. */
  #guard(bytes: Uint8Array, body: () => void): void {
    try {
      body()
    } catch (error) {
      if (error instanceof DecodeError) {
        this.#counters.malformed++
        this.#log.debug({ reason: error.message }, 'dropped a malformed DHCPv6 message')
        return
      }
      this.#counters.bugs++
      const pass = this.#throttle.pass('bug')
      if (pass) this.#log.error({ err: error, packet: toHex(bytes), ...pass }, 'a DHCPv6 message found a bug')
    }
  }

  #ignore(from: Ip6, reason: Reason): void {
    this.#counters.ignored++
    this.#counters[`ignored.${reason}`]++
    this.#log.debug({ from: formatIp6(from), reason: reasons[reason] }, 'ignored a DHCPv6 message')
  }

  #notice(message: Message, changes: readonly Change[]): void {
    const found = changes.find(change => change.kind === 'quarantine')
    const pass = found && this.#throttle.pass('quarantine')
    if (!pass) return
    const address = formatIp6(addressOf(this.#scope.plan.prefix, found.quarantine.host))
    const who = message.type === MessageType.decline ? 'a host' : 'a probe'
    this.#log.warn({ address, duid: found.quarantine.duid, ...pass }, `${who} found an address in use by another host`)
  }
}
