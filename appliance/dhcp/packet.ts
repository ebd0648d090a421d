/** One message on its way through the server: where it came from, and how its answer gets back there. */
import type { Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { type Binding, type Bindings, type Change, isLive } from './binding.ts'
import { askedCodes } from './configuration.ts'
import type { Probe, Probed } from './context.ts'
import { mostOctets } from './fit.ts'
import { type Message, MessageType } from './message.ts'
import type { Option } from './options.ts'
import { encodeRelayReply, suppliedBy, wantsItsPort } from './relay-message.ts'
import type { Route } from './route.ts'
import { hostIn, type Scope } from './scope.ts'

const clientPort = 546 // RFC 9915 section 7.2
const serverPort = 547

/** A message with where it came from, and its bytes for the log of a bug. */
export interface Packet {
  readonly message: Message
  readonly from: Ip6 // the client's own address, also where a relay speaks for it
  readonly bytes: Uint8Array
  readonly relayed: { readonly scope: Scope; readonly route: Route; readonly mac: Mac | undefined } | undefined
}

/** Bytes on their way. */
export interface Addressed {
  readonly bytes: Uint8Array
  readonly to: Ip6
  readonly port: number
}

export interface Reply extends Addressed {
  readonly promises: boolean // something was staged for it
  readonly delegations: readonly Binding[] | undefined // whose routes must stand first; none of them where one was given up
}

/** An answer on its way: to the client itself, or in the wrapping of its relays. RFC 9915 section 18.3.10. */
export function addressed(bytes: Uint8Array, client: Ip6, route: Route | undefined): Addressed {
  if (!route) return { bytes, to: client, port: clientPort }
  const { relay, port, hops } = route
  return { bytes: encodeRelayReply(hops, bytes), to: relay, port: wantsItsPort(hops) ? port : serverPort }
}

/** How many octets an answer to it may have, so that it travels whole with what its relays wrap it in. */
export function roomFor({ relayed }: Packet): number {
  return relayed ? mostOctets - encodeRelayReply(relayed.route.hops, new Uint8Array()).length : mostOctets
}

/** Whether the sender's MAC is kept with what the message makes, so that it is worth a question. */
export function storesMac({ type, options }: Message, { delegate }: Scope): boolean {
  if (type === MessageType.confirm) return false
  return options.some(({ kind }) => kind === 'ia-na' || kind === 'ia-address' || (kind === 'ia-pd' && delegate))
}

/** What the relays of a client have for it, as the last of what may be left out of the reply. */
export function suppliedTo({ message, relayed }: Packet, reply: Message): Option[] {
  if (!relayed) return []
  const supplied = suppliedBy(relayed.route.hops, askedCodes(message))
  const said = new Set(reply.options.map(option => (option.kind === 'unknown' ? option.code : undefined)))
  return supplied.filter(({ code }) => !said.has(code)).map(option => ({ kind: 'unknown', ...option }))
}

/** Whoever is out of the reach of our questions counts as there while it has a lease. */
export function probedByLease(bindings: Bindings, now: number, scope: Scope, { address, mac }: Probe): Probed {
  const host = hostIn(scope, address)
  const holder = host === undefined ? undefined : bindings.holder(scope.plan.subnet, host)
  return mac !== undefined && holder !== undefined && isLive(holder, now) ? mac : 'silent'
}

/** What is delegated by these changes; undefined where no delegation changes. */
export function delegationsOf(changes: readonly Change[]): readonly Binding[] | undefined {
  if (changes.length === 0) return undefined
  const changed = changes.filter(change => change.kind !== 'quarantine' && change.binding.iaType === 'pd')
  if (changed.length === 0) return undefined
  return changed.flatMap(change => (change.kind === 'put' && change.binding.state === 'bound' ? [change.binding] : []))
}
