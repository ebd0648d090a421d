import { judge } from './scope.ts'
import { Status } from './status.ts'
import { type Answer, askedOf, status, type Turn } from './turn.ts'

/**
 * Are the addresses of this LAN? Where we can't tell we say nothing: another server's clients ask all servers, and a wrong
 * NotOnLink would cost them their addresses. RFC 9915 section 18.3.3.
 */
export function confirm(turn: Turn): Answer {
  const { scope } = turn.context
  const judged = turn
    .ias()
    .flatMap(askedOf)
    .map(address => judge(scope, address))
  if (judged.includes('off-link'))
    return { kind: 'answer', options: [status(Status.notOnLink, 'an address is not of this LAN')] }
  if (judged.length === 0 || judged.includes('foreign')) return { kind: 'ignore', reason: 'foreignAddresses' }
  return { kind: 'answer', options: [status(Status.success, 'all addresses are of this LAN')] }
}
