import { findOption, optionCode } from './options.ts'
import type { Answer, Turn } from './turn.ts'

const shortestRefresh = 600 // IRT_MINIMUM, RFC 9915 section 7.6

/**
 * Configuration only: what is asked for is added to every answer. A client takes the first Reply, so that one with nothing in it
 * would hide what another server has to say; alone we answer, since ifupdown fails without. RFC 9915 section 18.3.6.
 */
export function informationRequest(turn: Turn): Answer {
  const { dns } = turn.context.scope
  const asked = findOption(turn.message.options, 'option-request')?.codes ?? []
  const wants = (kind: 'dns-servers' | 'domain-list') => asked.includes(optionCode(kind))
  const tells = (wants('dns-servers') && dns.servers.length > 0) || (wants('domain-list') && dns.search.length > 0)
  if (turn.context.rivals && !tells) return { kind: 'ignore', reason: 'nothingToTell' }
  if (!asked.includes(optionCode('information-refresh-time'))) return { kind: 'answer', options: [] }
  const seconds = Math.max(shortestRefresh, turn.context.scope.lifetimes.t1)
  return { kind: 'answer', options: [{ kind: 'information-refresh-time', seconds }] }
}
