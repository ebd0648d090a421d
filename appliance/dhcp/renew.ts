import type { IaNa, Option } from './options.ts'
import { hostIn } from './scope.ts'
import { Status } from './status.ts'
import { type Answer, askedOf, status, type Turn } from './turn.ts'

/**
 * Extends the bindings. One that is unknown is made again with the address that the host has, since networkd and NetworkManager
 * go on using it whatever we say until T2; NoBinding only where another host has that address. What the host has besides, such
 * as an address of the site's old prefix, comes back with lifetimes 0. RFC 9915 section 18.3.4.
 */
export function renew(turn: Turn): Answer {
  const options: Option[] = []
  for (const ia of turn.ias()) {
    const answer = extend(turn, ia, 'no-binding')
    if (answer.kind === 'probe') return answer
    options.push(...answer.options)
  }
  return { kind: 'answer', options }
}

/** One IA of a Renew or a Rebind. `taken` is what to say about an unknown binding whose address another host has. */
export function extend(
  turn: Turn,
  ia: IaNa,
  taken: 'no-binding' | 'withdraw',
): Extract<Answer, { kind: 'answer' | 'probe' }> {
  const { scope } = turn.context
  const owned = turn.owned(ia)
  if (owned.kind === 'probe') return owned
  const { key, binding, clone } = owned
  const asked = askedOf(ia)
  if (!binding && !clone) {
    const here = asked.flatMap(address => hostIn(scope, address) ?? [])
    if (taken === 'no-binding' && here.length > 0 && !here.some(each => turn.isFreeHost(key, each)))
      return { kind: 'answer', options: [turn.answer(ia, [status(Status.noBinding, 'another host has the address')])] }
  }
  const host = turn.choose(key, binding, asked)
  if (host === undefined) {
    const refused = [...turn.withdrawn(asked), status(Status.noAddrsAvail, 'no address is free')]
    return { kind: 'answer', options: [turn.answer(ia, refused)] }
  }
  return { kind: 'answer', options: [turn.grant(ia, key, binding, host)] }
}
