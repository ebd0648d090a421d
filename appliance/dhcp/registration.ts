import { isLive, type Quarantine } from './binding.ts'
import { findOption } from './options.ts'
import { hostIn } from './scope.ts'
import type { Answer, Turn } from './turn.ts'

/**
 * A host tells of an address of the LAN that it made itself: nobody else gets it as long as it says, and the status names it.
 * A lifetime of 0 takes that back. What was said is no proof of anything. RFC 9686 section 4.2.1.
 */
export function register(turn: Turn): Answer {
  const { scope, bindings, from, now, mac } = turn.context
  const { plan } = scope
  if (!scope.allowAddressRegistration) return { kind: 'ignore', reason: 'notForServers' }
  const told = findOption(turn.message.options, 'ia-address')! // the rules for discarding leave nothing without
  const host = hostIn(scope, from)
  if (told.address !== from || host === undefined) return { kind: 'ignore', reason: 'foreignRegistration' }
  const duid = turn.client.duid!
  const holder = bindings.holder(plan.subnet, host)
  const leased = holder && isLive(holder, now) ? holder : undefined
  if (leased ? leased.duid !== duid : scope.reservations.ofHost(host))
    return { kind: 'ignore', reason: 'notRegistrable' }
  const kept: Quarantine = {
    subnet: plan.subnet,
    host,
    duid,
    iaid: 0,
    mac,
    registeredAt: now,
    until: now + told.valid * 1000,
  }
  const before = bindings.quarantineOf(plan.subnet, host, now)
  if (before?.registeredAt !== undefined && before.duid !== duid)
    turn.news = { kind: 'registeredByAnother', duid, address: from }
  if (!leased) turn.changes.push({ kind: 'quarantine', quarantine: kept })
  return { kind: 'answer', options: [told] }
}
