import { findOption, optionCode } from './options.ts'
import type { Answer } from './server.ts'
import type { Turn } from './turn.ts'

const shortestRefresh = 600 // IRT_MINIMUM, RFC 9915 section 7.6

/** Configuration only: what is asked for is added to every answer. RFC 9915 section 18.3.6. */
export function informationRequest(turn: Turn): Answer {
  const asked = findOption(turn.message.options, 'option-request')?.codes ?? []
  if (!asked.includes(optionCode('information-refresh-time'))) return { kind: 'answer', options: [] }
  const seconds = Math.max(shortestRefresh, turn.context.scope.lifetimes.t1)
  return { kind: 'answer', options: [{ kind: 'information-refresh-time', seconds }] }
}
