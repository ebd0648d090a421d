import { askedCodes, told } from './configuration.ts'
import { optionCode } from './options.ts'
import type { Answer, Turn } from './turn.ts'

const shortestRefresh = 600 // IRT_MINIMUM, RFC 9915 section 7.6

/**
 * Configuration only: what is asked for is added to every answer. A client takes the first Reply, so that one with nothing in it
 * would hide what another server has to say; alone we answer, since ifupdown fails without. RFC 9915 section 18.3.6.
 */
export function informationRequest(turn: Turn): Answer {
  const { scope, rivals } = turn.context
  const asked = askedCodes(turn.message)
  if (rivals && told(asked, turn.client.offers).length === 0) return { kind: 'ignore', reason: 'nothingToTell' }
  if (!asked.includes(optionCode('information-refresh-time'))) return { kind: 'answer', options: [] }
  const seconds = Math.max(shortestRefresh, scope.lifetimes.t1)
  return { kind: 'answer', options: [{ kind: 'information-refresh-time', seconds }] }
}
