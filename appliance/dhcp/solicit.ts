import { unproven } from './first-offer.ts'
import type { Option } from './options.ts'
import { Status } from './status.ts'
import { type Answer, askedOf, status, type Turn } from './turn.ts'

/**
 * What a Request would get, promised to nobody unless by Rapid Commit: the choice is the same the next time. RFC 9915 section
 * 18.3.9, 18.3.1.
 */
export function solicit(turn: Turn): Answer {
  const { commits } = turn
  const options: Option[] = []
  for (const ia of turn.ias()) {
    const owned = turn.owned(ia)
    if (owned.kind === 'probe') return owned
    const probe = unproven(turn, owned.key, owned.binding, askedOf(ia))
    if (probe) return { kind: 'probe', probe }
    const host = turn.choose(owned.key, owned.binding, askedOf(ia))
    if (host === undefined) {
      options.push(turn.answer(ia, [status(Status.noAddrsAvail, 'no address is free')]))
      continue
    }
    if (commits) turn.bind(owned.key, owned.binding, { host })
    options.push(turn.answer(ia, turn.granted(host)))
  }
  return { kind: 'answer', options }
}
