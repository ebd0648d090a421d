import type { Option } from './options.ts'
import { addressesOf } from './scope.ts'
import { Status } from './status.ts'
import { type Answer, askedOf, status, type Turn } from './turn.ts'

/**
 * Frees what the client owns and ignores the rest. Of a host in several networks one address stands for all of them: what it keeps
 * is its own again when it renews, and nobody else's meanwhile unless by reservation. RFC 9915 section 18.3.7.
 */
export function release(turn: Turn): Answer {
  return giveUp(turn, binding => turn.release(binding))
}

/** Puts what the client owns and found in use into quarantine, in all networks: it goes on with a host part of its own. RFC 9915 section 18.3.8. */
export function decline(turn: Turn): Answer {
  return giveUp(turn, binding => turn.decline(binding))
}

function giveUp(turn: Turn, record: Turn['release']): Answer {
  const { scope } = turn.context
  const options: Option[] = [status(Status.success, 'done')]
  for (const ia of turn.ias()) {
    const owned = turn.owned(ia)
    if (owned.kind === 'probe') return owned
    if (!owned.binding) {
      // No T1 and T2 here: the IA says only that we don't know it.
      options.push({ ...ia, t1: 0, t2: 0, options: [status(Status.noBinding, 'no such binding')] })
      continue
    }
    const held = addressesOf(scope, owned.binding.host)
    if (askedOf(ia).some(address => held.includes(address))) record(owned.binding)
  }
  return { kind: 'answer', options }
}
