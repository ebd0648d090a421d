import type { Option } from './options.ts'
import { extend } from './renew.ts'
import { judge } from './scope.ts'
import { type Answer, askedOf, type Turn } from './turn.ts'

/**
 * As a Renew, but sent to every server of the LAN: an IA that holds only addresses we can't judge is another server's to
 * extend, and is passed over. RFC 9915 section 18.3.5.
 */
export function rebind(turn: Turn): Answer {
  const { scope } = turn.context
  const options: Option[] = []
  for (const ia of turn.ias()) {
    const asked = askedOf(ia)
    if (asked.length > 0 && asked.every(address => judge(scope, address) === 'foreign')) continue
    const answer = extend(turn, ia, 'withdraw')
    if (answer.kind === 'probe') return answer
    options.push(...answer.options)
  }
  return options.length === 0 ? { kind: 'ignore', reason: 'nothingToSay' } : { kind: 'answer', options }
}
