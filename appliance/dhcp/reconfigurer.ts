/**
 * Asks clients to renew at once when what they were told has changed: those only that have said they would take it, since
 * wide-dhcp6c throws a Reply with an uninvited authentication option away. It is never relied on: T1 brings the news to the rest.
 */
import { createHash } from 'node:crypto'
import { Alarm, type Clock } from '../base/clock.ts'
import type { Ip6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import type { Change } from './binding.ts'
import type { ClientStore } from './client-store.ts'
import type { Duid } from './duid.ts'
import { type Message, MessageType } from './message.ts'
import { findOption, type Option } from './options.ts'
import type { Packet } from './packet.ts'
import { encodeReconfigure, keyOption } from './reconfigure-key.ts'
import { ReconfigureSchedule } from './reconfigure-schedule.ts'
import type { Reservations } from './reservations.ts'
import type { Route } from './route.ts'
import type { Scope } from './scope.ts'

export interface ReconfigurerOptions {
  readonly clients: ClientStore
  readonly duid: Duid // ours
  readonly clock: Clock
  readonly log: Log
  /** Sends a message to a client, by its relays where it has some. Returns how many left. */
  readonly send: (bytes: Uint8Array, to: { readonly address: Ip6; readonly route: Route | undefined }) => number
}

/** Since the start. */
export interface ReconfigureCounters {
  reconfigured: number // clients that were asked to renew
  reconfigureTries: number // messages that asked them
  reconfigureAnswered: number
  reconfigureUnanswered: number // after the last try
}

export class Reconfigurer {
  readonly #options: ReconfigurerOptions
  readonly #schedule = new ReconfigureSchedule()
  readonly #clients = new Map<string, { readonly subnet: number | undefined; readonly duid: Duid }>() // being asked
  readonly #alarm: Alarm
  readonly #counters: ReconfigureCounters = {
    reconfigured: 0,
    reconfigureTries: 0,
    reconfigureAnswered: 0,
    reconfigureUnanswered: 0,
  }

  constructor(options: ReconfigurerOptions) {
    this.#options = options
    this.#alarm = new Alarm(options.clock, () => this.#ask())
  }

  counters(): Readonly<ReconfigureCounters> {
    return { ...this.#counters }
  }

  stop(): void {
    this.#alarm.cancel()
  }

  /**
   * A LAN is served with this scope now. Where its hosts were told something else before, in an earlier run even, those that take
   * a Reconfigure are asked to renew.
   */
  serve(scope: Scope): void {
    const { clients, log } = this.#options
    const text = toldBy(scope)
    const before = clients.told(scope.plan.subnet)
    if (before === text) return
    clients.tell(scope.plan.subnet, text)
    if (before === undefined) return
    const count = this.reconfigure(scope.plan.subnet)
    if (count > 0) log.info({ count }, 'what hosts are told has changed: those that take it are asked to renew')
  }

  /** Asks clients of a LAN to renew, all that take it or those among `duids`. Returns how many that are. */
  reconfigure(subnet: number | undefined, duids?: Iterable<Duid>): number {
    const { clients, clock } = this.#options
    const only = duids && new Set(duids)
    const willing = clients.reconfigurable(subnet, clock.now()).filter(duid => only?.has(duid) ?? true)
    for (const duid of willing) this.#clients.set(keyOf(subnet, duid), { subnet, duid })
    this.#schedule.add(willing.map(duid => keyOf(subnet, duid)))
    this.#counters.reconfigured += willing.length
    this.#alarm.set(this.#schedule.wakeAt)
    return willing.length
  }

  /** A client has spoken: it need not be asked any more. */
  heard(message: Message, scope: Scope): void {
    if (this.#clients.size === 0) return
    const duid = findOption(message.options, 'client-id')?.duid
    if (duid === undefined || !this.#forget(keyOf(scope.plan.subnet, duid))) return
    this.#counters.reconfigureAnswered++
  }

  /**
   * The reply with what it says of Reconfigure, and its client remembered: a key for one that takes it and has none yet, or may
   * have lost it, the relays of one behind some.
   */
  welcome(packet: Packet, scope: Scope, reply: Message, changes: readonly Change[]): Message {
    const { message, from, relayed } = packet
    const { clients } = this.#options
    const willing = findOption(message.options, 'reconfigure-accept') !== undefined
    const duid = findOption(message.options, 'client-id')?.duid
    const { subnet } = scope.plan
    if (duid === undefined || !(willing || relayed || clients.hasKey(subnet, duid))) return reply
    if (willing && reply.type === MessageType.advertise) return withOptions(reply, [accept])
    const until = changes.reduce((latest, change) => Math.max(latest, endOf(change)), 0)
    if (until === 0) return reply // nothing is leased by it
    const known = clients.hasKey(subnet, duid) ? clients.find(subnet, duid)?.key : undefined
    const said = this.#key(message, willing, known)
    if (!said && !relayed && !known) return reply
    clients.put({ subnet, duid, address: from, route: relayed?.route, key: said?.key, until })
    return withOptions(reply, said?.options ?? [])
  }

  /** The key of a client, and what to say of it. Who begins anew may have lost it, or takes no Reconfigure any more. */
  #key({ type }: Message, willing: boolean, known: Uint8Array | undefined): Said | undefined {
    const begins = type === MessageType.solicit || type === MessageType.request
    if (known && !begins) return { key: known, options: willing ? [accept] : [] }
    if (!willing) return undefined
    const replay = this.#options.clients.replay()
    if (replay === undefined) return undefined
    const key = known ?? this.#options.clients.newKey()
    return { key, options: [accept, keyOption(key, replay)] }
  }

  #ask(): void {
    const { clients, clock, duid: server, send } = this.#options
    for (const { key: text, last } of this.#schedule.due(clock.monotonic())) {
      const { subnet, duid } = this.#clients.get(text)!
      const client = clients.find(subnet, duid)
      const replay = clients.replay()
      if (client?.key && client.until > clock.now() && replay !== undefined) {
        const bytes = encodeReconfigure({ server, client: duid, type: MessageType.renew, key: client.key, replay })
        this.#counters.reconfigureTries += send(bytes, client)
      } else this.#forget(text)
      if (!last) continue
      this.#counters.reconfigureUnanswered++
      this.#forget(text)
    }
    this.#alarm.set(this.#schedule.wakeAt)
  }

  #forget(text: string): boolean {
    this.#schedule.delete(text)
    return this.#clients.delete(text)
  }
}

interface Said {
  readonly key: Uint8Array
  readonly options: readonly Option[]
}

const accept: Option = { kind: 'reconfigure-accept' }

const keyOf = (subnet: number | undefined, duid: Duid): string => `${subnet ?? ''}/${duid}`

/** Behind both identifiers: what may be left out of a long reply stands last. */
function withOptions(reply: Message, more: readonly Option[]): Message {
  return { ...reply, options: [...reply.options.slice(0, 2), ...more, ...reply.options.slice(2)] }
}

const endOf = (change: Change): number =>
  change.kind === 'put' && change.binding.state === 'bound' ? change.binding.validUntil : 0

/** What the hosts of a LAN are told, as a text that is the same as long as that is. */
function toldBy({ plan, beside, lifetimes, offers, delegate, reservations }: Scope): string {
  // What was told before there were several networks reads the same.
  const more = beside.length > 0 ? beside.map(({ prefix }) => prefix) : undefined
  return textOf({
    prefix: plan.prefix,
    beside: more,
    lifetimes,
    offers,
    delegate,
    reservations: digestOf(reservations),
  })
}

const digests = new WeakMap<Reservations, string>() // there may be thousands, and we are asked every few seconds

function digestOf(reservations: Reservations): string {
  const known = digests.get(reservations)
  if (known !== undefined) return known
  const digest = createHash('sha256')
    .update(textOf([...reservations.all]))
    .digest('hex')
  digests.set(reservations, digest)
  return digest
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    typeof each === 'bigint' ? each.toString(16) : each instanceof Uint8Array ? [...each] : each,
  )
}
