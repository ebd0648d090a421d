/** The DHCPv6 server of one LAN and of those behind it: its sockets and parts, and what the status shows of it. */
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Ip6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import type { Binding } from './binding.ts'
import type { ClientStore } from './client-store.ts'
import { type Clone, clonesOf } from './clones.ts'
import { type Counters, newCounters } from './counters.ts'
import type { Duid } from './duid.ts'
import { fullness } from './fullness.ts'
import type { Identity } from './identity.ts'
import { Inbox } from './inbox.ts'
import { Neighbours } from './neighbours.ts'
import { consequence, mayWin, type OtherServer } from './other-servers.ts'
import { Outbox } from './outbox.ts'
import { addressed } from './packet.ts'
import { Reception } from './reception.ts'
import { type ReconfigureCounters, Reconfigurer, type ReconfigurerOptions } from './reconfigurer.ts'
import { Relays, type Segment } from './relays.ts'
import type { Scope } from './scope.ts'
import { type Rival, ServerSearch } from './server-search.ts'
import { type LinkRef, openSockets, type Sockets } from './socket.ts'
import type { Store } from './store.ts'
import { Timers } from './timers.ts'

export type { Clone, OtherServer, Scope, Segment }

export interface LanServerOptions {
  readonly link: LinkRef & { readonly mac: Mac }
  readonly linkLocal: Ip6
  readonly scope: Scope
  /** LANs behind routers on this one. */
  readonly segments?: readonly Segment[]
  readonly store: Store
  /** What is known of clients besides their leases; without it nobody is asked to renew. */
  readonly clients?: ClientStore
  readonly identity: Identity
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
  readonly #reconfigurer: Reconfigurer | undefined
  readonly #neighbours: Neighbours
  readonly #timers = new Timers()
  readonly #counters = newCounters()
  readonly #outbox: Outbox
  readonly #reception: Reception
  #scope: Scope
  #sockets: Sockets | undefined
  #failure: string | undefined
  #overflowed = 0 // in sockets that are closed
  #running = false

  constructor(options: LanServerOptions) {
    this.#options = options
    this.#scope = options.scope
    this.#log = options.log
    this.#throttle = new Throttle(options.clock)
    this.#outbox = new Outbox({
      ...options,
      commit: done => this.#commit(done),
      counters: this.#counters,
      send: batch => this.#sockets?.datagrams.send(batch) ?? [],
    })
    this.#search = new ServerSearch({
      ...options,
      duid: options.identity.duid,
      describe: server => ({
        consequence: consequence(server, this.#scope.preference, options.link.name),
        mayWin: mayWin(server, this.#scope.preference),
      }),
      send: frame => void this.#sockets?.frames.send([{ frame }]),
      after: (milliseconds, body) => this.#timers.after(milliseconds, body),
    })
    this.#relays = new Relays(options.link.name)
    this.#relays.replace(options.segments ?? [])
    const { clients, identity } = options
    const send: ReconfigurerOptions['send'] = (bytes, to) =>
      this.#outbox.transmit([addressed(bytes, to.address, to.route)])
    this.#reconfigurer = clients && new Reconfigurer({ ...options, clients, duid: identity.duid, send })
    this.#neighbours = new Neighbours({
      mac: options.link.mac,
      linkLocal: options.linkLocal,
      send: messages => void this.#sockets?.neighbours.send(messages),
      clock: options.clock,
    })
    this.#reception = new Reception({
      ...options,
      scope: () => this.#scope,
      scopes: () => this.#scopes,
      managedElsewhere: options.managedElsewhere,
      relays: this.#relays,
      search: this.#search,
      neighbours: this.#neighbours,
      reconfigurer: this.#reconfigurer,
      outbox: this.#outbox,
      counters: this.#counters,
    })
  }

  /** Serves from now on. Where a socket can't be had it says so in `reasons` and tries again. */
  start(): void {
    this.#running = true
    this.#open()
    this.#tell()
  }

  /** Later messages are answered by the new scopes; leases stay. */
  update(scope: Scope, segments: readonly Segment[] = []): void {
    this.#scope = scope
    this.#relays.replace(segments)
    if (this.#running) this.#tell()
  }

  /** Asks hosts of a LAN that take it to renew at once: all of them, or those among `duids`. Returns how many that are. */
  reconfigure(subnet: number | undefined, duids?: Iterable<Duid>): number {
    return this.#reconfigurer?.reconfigure(subnet, duids) ?? 0
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#timers.stop()
    this.#neighbours.stop()
    this.#reconfigurer?.stop()
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
    const { name } = this.#options.link
    const rival = `another DHCPv6 server or relay of this machine hears ${name} too, and hosts may take it: leave ${name} out of its configuration (ss -ulpn 'sport = :547' has its name)`
    return [...(this.#sockets?.shared?.() ? [rival] : []), ...this.#relays.notices(this.#options.store.now())]
  }

  /** Each with what it means for the hosts of this LAN, as a sentence. */
  otherServers(): Rival[] {
    return this.#search.list()
  }

  /** A few of the copied hosts that have a lease now. */
  clones(): Clone[] {
    const { store } = this.#options
    return this.#scopes.flatMap(({ plan: { subnet, prefix } }) =>
      clonesOf(store.copies(subnet), store.bindings, prefix, store.now()),
    )
  }

  /** What is wrong with this LAN's server, as clauses; the store has reasons of its own. */
  reasons(): string[] {
    const { link, store } = this.#options
    const reasons: string[] = []
    if (this.#failure !== undefined) reasons.push(`DHCPv6 on ${link.name} can't be served: ${this.#failure}`)
    reasons.push(...fullness(store.bindings, store.now(), link.name))
    return reasons
  }

  counters(): Readonly<Counters & Partial<ReconfigureCounters>> {
    const overflowed = this.#overflowed + (this.#sockets?.datagrams.overflowed ?? 0)
    return { ...this.#counters, overflowed, ...this.#reconfigurer?.counters() }
  }

  #open(): void {
    const { link, open = openSockets } = this.#options
    try {
      this.#sockets = open(link)
    } catch (error) {
      this.#failure = messageOf(error)
      const pass = this.#throttle.pass('open')
      if (pass) this.#log.error({ err: error, ...pass }, 'the DHCPv6 sockets can not be opened')
      this.#timers.after(reopenAfter, () => this.#open())
      return
    }
    this.#failure = undefined
    const { datagrams, neighbours, frames } = this.#sockets
    const failed = (error: Error) => {
      const pass = this.#throttle.pass('socket')
      if (pass) this.#log.warn({ err: error, ...pass }, 'a DHCPv6 socket reported an error')
    }
    const inbox = new Inbox({
      serve: batch => this.#reception.turn(() => this.#reception.receive(batch)),
      drop: ({ address }) => this.#reception.flooded(address),
      later: body => setImmediate(() => this.#sockets?.datagrams === datagrams && body()),
    })
    datagrams.listen(batch => inbox.receive(batch), failed)
    neighbours.listen(batch => this.#reception.turn(() => this.#neighbours.hear(batch)), failed)
    frames.listen(batch => {
      for (const { frame } of batch) this.#reception.guard(frame, () => this.#search.hear(frame))
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

  #commit(done: (stored: boolean) => void): void {
    this.#options.clients?.commit()
    this.#options.store.commit(done)
  }

  /** Of this LAN and of those behind it. */
  get #scopes(): readonly Scope[] {
    return [this.#scope, ...this.#relays.segments.map(({ scope }) => scope)]
  }

  /** What hosts are told now, to those who have been told something else. */
  #tell(): void {
    for (const scope of this.#scopes) this.#reconfigurer?.serve(scope)
  }
}
