/**
 * Questions about leases from those whom the operator names: who has this address, what does this client have. An answer changes
 * nothing. RFC 5007 section 4.3.
 */
import { contains, type Ip6, unspecified } from '../base/ip6.ts'
import { wholeSite } from '../plane/plan.ts'
import { addressOf, type Bindings, hostOf, isLive, prefixOfDelegation } from './binding.ts'
import { askedCodes } from './configuration.ts'
import type { Duid } from './duid.ts'
import { type Message, MessageType } from './message.ts'
import { findOption, type Option, optionCode } from './options.ts'
import { atHome, hostIn, plansOf, type Scope } from './scope.ts'
import { Status } from './status.ts'
import { status } from './turn.ts'

/** What an answer draws on. */
export interface LeaseView {
  readonly duid: Duid // ours
  readonly scopes: readonly Scope[] // of the links that are told of
  readonly bindings: Pick<Bindings, 'holder' | 'delegatedIn' | 'ofClient'>
  readonly now: number // milliseconds since 1970
}

type Query = Extract<Option, { kind: 'lq-query' }>

const byAddress = 1 // RFC 5007 section 4.1.2.1
const byClientId = 2

const mostTold = 1024 // of one client, our own: an answer is one datagram, and real hosts have one or two

/** The Leasequery-reply. The message has passed the rules for discarding. */
export function leasequery(message: Message, view: LeaseView): Message {
  const client = findOption(message.options, 'client-id')
  const query = findOption(message.options, 'lq-query')!
  return {
    type: MessageType.leasequeryReply,
    transaction: message.transaction,
    options: [...(client ? [client] : []), { kind: 'server-id', duid: view.duid }, ...answers(query, view)],
  }
}

function answers(query: Query, view: LeaseView): Option[] {
  const scopes = view.scopes.filter(scope => query.link === unspecified || isOn(scope, query.link))
  if (scopes.length === 0) return [status(Status.notConfigured, 'the link is not served here')]
  switch (query.queryType) {
    case byAddress: {
      const address = findOption(query.options, 'ia-address')?.address
      if (address === undefined) return [status(Status.malformedQuery, 'no address to ask for')]
      return ofAddress(address, scopes, query, view)
    }
    case byClientId: {
      const duid = findOption(query.options, 'client-id')?.duid
      return duid === undefined
        ? [status(Status.malformedQuery, 'no client to ask for')]
        : ofClient(duid, scopes, query, view)
    }
    default:
      return [status(Status.unknownQueryType, `queries of type ${query.queryType} are not answered here`)]
  }
}

const isOn = (scope: Scope, link: Ip6): boolean =>
  plansOf(scope).some(({ router }) => router === link) || hostIn(scope, link) !== undefined

/** The client that has the address, or a prefix with the address in it, and all that it has on that link. */
function ofAddress(address: Ip6, scopes: readonly Scope[], query: Query, view: LeaseView): Option[] {
  const scope = scopes.find(each => hostIn(each, address) !== undefined)
  const holder = scope && view.bindings.holder(scope.plan.subnet, hostIn(scope, address)!)
  if (scope && holder && isLive(holder, view.now)) return told(holder.duid, scope, query, view)
  for (const each of scopes) {
    const here = atHome(each, { address, length: 128 })
    if (!here) continue
    const offset = hostOf(wholeSite(each.plan.prefix), here.address)
    const [delegation] = view.bindings
      .delegatedIn(offset, offset)
      .filter(binding => binding.subnet === each.plan.subnet && isLive(binding, view.now))
    if (delegation) return told(delegation.duid, each, query, view)
  }
  const delegates = scopes.some(each => {
    const here = atHome(each, { address, length: 128 })
    return each.delegate && here && contains(each.delegate.prefix, here)
  })
  if (!scope && !delegates) return [status(Status.notConfigured, 'the address is not of a link that is served here')]
  return [status(Status.success, 'nobody has a lease of it')]
}

/** What a client has, or on which links where those are several. */
function ofClient(duid: Duid, scopes: readonly Scope[], query: Query, view: LeaseView): Option[] {
  const live = view.bindings.ofClient(duid).filter(binding => isLive(binding, view.now))
  const found = scopes.filter(({ plan }) => live.some(binding => binding.subnet === plan.subnet))
  const [first, ...more] = found
  if (!first) return [status(Status.success, 'it has no lease')]
  if (more.length === 0) return told(duid, first, query, view)
  const links = found.map(({ plan }) => plan.router)
  return [status(Status.success, 'it has leases on several links'), { kind: 'lq-client-link', links }]
}

/** Everything that the client has on a link, as far as it fits, with the time that is left. RFC 5007 section 4.1.2.2. */
function told(duid: Duid, scope: Scope, query: Query, view: LeaseView): Option[] {
  const { now } = view
  const all = view.bindings.ofClient(duid).filter(each => each.subnet === scope.plan.subnet && isLive(each, now))
  const bindings = all.slice(0, mostTold)
  const left = (until: number) => Math.max(0, Math.floor((until - now) / 1000))
  const options: Option[] = [
    { kind: 'client-id', duid },
    { kind: 'clt-time', seconds: Math.floor((now - Math.max(...bindings.map(each => each.grantedAt))) / 1000) },
  ]
  for (const binding of bindings) {
    const preferred = left(binding.preferredUntil)
    const valid = left(binding.validUntil)
    const lifetimes = { preferred, valid, options: [] }
    for (const { prefix } of plansOf(scope))
      options.push(
        binding.iaType === 'na'
          ? { kind: 'ia-address', address: addressOf(prefix, binding.host), ...lifetimes }
          : { kind: 'ia-prefix', prefix: prefixOfDelegation(prefix, binding), ...lifetimes },
      )
  }
  const name = bindings.find(each => each.hostname !== undefined)?.hostname
  if (name !== undefined && askedCodes(query).includes(optionCode('client-fqdn')))
    options.push({ kind: 'client-fqdn', flags: 0, name, partial: !name.includes('.') })
  return [status(Status.success, 'it has leases'), { kind: 'client-data', options }]
}
