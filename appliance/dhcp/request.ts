import { unproven } from './first-offer.ts'
import type { Option } from './options.ts'
import { judge } from './scope.ts'
import { Status } from './status.ts'
import { type Answer, askedOf, status, type Turn } from './turn.ts'

/**
 * Makes the bindings; one that exists is answered afresh, and an IA without addresses gets what was advertised, since udhcpc6
 * sends both. RFC 9915 section 18.3.2.
 */
export function request(turn: Turn): Answer {
  const { scope } = turn.context
  const options: Option[] = []
  for (const ia of turn.ias()) {
    const asked = askedOf(ia)
    if (asked.some(address => judge(scope, address) !== 'on-link')) {
      options.push(turn.answer(ia, [status(Status.notOnLink, 'the address is not of this LAN')]))
      continue
    }
    const owned = turn.owned(ia)
    if (owned.kind === 'probe') return owned
    const probe = unproven(turn, owned.key, owned.binding, asked)
    if (probe) return { kind: 'probe', probe }
    const host = turn.choose(owned.key, owned.binding, asked)
    if (host === undefined) {
      options.push(turn.answer(ia, [status(Status.noAddrsAvail, 'no address is free')]))
      continue
    }
    options.push(turn.grant(ia, owned.key, owned.binding, host))
  }
  return { kind: 'answer', options }
}
