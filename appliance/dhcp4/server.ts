/**
 * What a DHCPv4 server says to a client, by RFC 2131 section 4.3. It decides and does nothing: the caller asks the LAN, stores the
 * changes, and only then sends the reply. We are the one server of a LAN or say nothing new there, so we know all its leases.
 */
import type { Ip4 } from '../base/ip4.ts'
import { isHostOf } from '../base/ip4.ts'
import { Chooser, type Context4 } from './choice.ts'
import { clientOf } from './client.ts'
import type { Change4 } from './lease.ts'
import { addressIn, type Message4, option, type Type4, typeOf } from './message.ts'
import { acknowledged, informed, offered, type Reply4, refused } from './reply.ts'
import { isInPool, reservationOf } from './scope.ts'

/** Why a message gets no answer. */
export const reasons4 = [
  'malformed',
  'relayed', // relays are not served
  'for-other-server',
  'other-server-known', // we offer nothing beside it
  'searching', // for other servers, and too many wait for its end
  'no-free-address',
  'not-its-address', // a release or decline of what the client doesn't have
  'not-for-servers',
] as const
export type Reason4 = (typeof reasons4)[number]

/** `probe`: ask the LAN for the address, then decide again. Changes are stored before the reply leaves. */
export type Outcome4 =
  | { readonly kind: 'reply'; readonly reply: Reply4; readonly changes: readonly Change4[]; readonly offer?: Ip4 }
  | { readonly kind: 'silent'; readonly changes: readonly Change4[]; readonly declined?: Ip4 }
  | { readonly kind: 'probe'; readonly address: Ip4 }
  | { readonly kind: 'ignore'; readonly reason: Reason4; readonly changes?: readonly Change4[] }

/** Throws a DecodeError on an option that holds what it may not. */
export function decide(message: Message4, context: Context4): Outcome4 {
  const type = typeOf(message)
  if (message.op !== 'request') return { kind: 'ignore', reason: 'not-for-servers' }
  if (!type) return { kind: 'ignore', reason: 'malformed' }
  if (message.giaddr !== 0) return { kind: 'ignore', reason: 'relayed' }
  const server = addressIn(message, option.serverIdentifier)
  if (server !== undefined && server !== context.scope.subnet.address)
    return { kind: 'ignore', reason: 'for-other-server' }
  return by[type](message, new Chooser(clientOf(message), context))
}

const notForServers = (): Outcome4 => ({ kind: 'ignore', reason: 'not-for-servers' })
const by: Record<Type4, (message: Message4, chooser: Chooser) => Outcome4> = {
  discover,
  request,
  decline,
  release,
  inform,
  offer: notForServers,
  ack: notForServers,
  nak: notForServers,
}

function discover(message: Message4, chooser: Chooser): Outcome4 {
  const { others, scope } = chooser.context
  if (others !== 'none' && !scope.besideOthers)
    return { kind: 'ignore', reason: others === 'some' ? 'other-server-known' : 'searching' }
  const choice = chooser.choose(addressIn(message, option.requestedAddress))
  if (choice.kind === 'probe') return choice
  const { changes } = chooser
  if (choice.kind === 'none') return { kind: 'ignore', reason: 'no-free-address', changes }
  const { address } = choice
  return { kind: 'reply', reply: offered(message, scope, address), changes, offer: address }
}

/**
 * The client takes our offer (it names us), has started again with an address that it remembers, or asks for more time (it has
 * the address). RFC 2131 section 4.3.2.
 */
function request(message: Message4, chooser: Chooser): Outcome4 {
  const { context } = chooser
  const { scope, others } = context
  const selects = message.options.has(option.serverIdentifier)
  const renews = !selects && message.ciaddr !== 0
  const address = renews ? message.ciaddr : addressIn(message, option.requestedAddress)
  if (address === undefined) return { kind: 'ignore', reason: 'malformed' }
  const lease = chooser.lease
  // Beside another server, what isn't ours is its: a refusal would take a good address away.
  if (!selects && lease?.address !== address && others !== 'none')
    return { kind: 'ignore', reason: others === 'some' ? 'other-server-known' : 'searching' }
  const why = objection(address, chooser)
  if (why !== undefined) return { kind: 'reply', reply: refused(message, scope, why), changes: chooser.changes }
  // It answers for it itself, or has heard from us that it's free.
  const isKnown = renews || context.offers.of(chooser.client.key, context.now) === address
  const found = isKnown ? 'free' : chooser.look(address)
  if (found === 'ask') return { kind: 'probe', address }
  const { changes } = chooser
  if (found === 'taken')
    return { kind: 'reply', reply: refused(message, scope, 'another host uses this address'), changes }
  chooser.grant(address)
  return { kind: 'reply', reply: acknowledged(message, scope, address), changes }
}

/** Why the client may not have the address. */
function objection(address: Ip4, chooser: Chooser): string | undefined {
  const { scope } = chooser.context
  if (!isHostOf(scope.subnet, address)) return 'this address is of another network'
  const reserved = reservationOf(scope, chooser.client)?.ipAddress
  if (reserved !== undefined && reserved !== address && chooser.isFree(reserved)) return 'another address is reserved'
  if (chooser.isFree(address)) return undefined
  return isInPool(scope, address) ? 'another host has this address' : 'this address is not given to hosts'
}

/** Another host uses the address that we gave. RFC 2131 section 4.3.3. */
function decline(message: Message4, chooser: Chooser): Outcome4 {
  const { client, context, lease } = chooser
  const address = addressIn(message, option.requestedAddress)
  const isIts = address !== undefined && (lease?.address ?? context.offers.of(client.key, context.now)) === address
  if (!isIts) return { kind: 'ignore', reason: 'not-its-address' }
  return { kind: 'silent', changes: [{ address, lease: chooser.declined(address, client.mac) }], declined: address }
}

/** The client gives its address back; it is kept for it until somebody needs it. RFC 2131 section 4.3.4. */
function release(message: Message4, { lease, context }: Chooser): Outcome4 {
  if (!lease || lease.address !== message.ciaddr) return { kind: 'ignore', reason: 'not-its-address' }
  const change = { address: lease.address, lease: { ...lease, state: 'released', validUntil: context.now } as const }
  return { kind: 'silent', changes: [change] }
}

/** The client has an address from elsewhere and wants to know the rest. RFC 2131 section 4.3.5. */
function inform(message: Message4, { context: { scope } }: Chooser): Outcome4 {
  if (!isHostOf(scope.subnet, message.ciaddr)) return { kind: 'ignore', reason: 'not-its-address' }
  return { kind: 'reply', reply: informed(message, scope), changes: [] }
}
