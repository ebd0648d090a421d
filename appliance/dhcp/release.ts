import { addressOf } from './binding.ts'
import type { Option } from './options.ts'
import { Status } from './status.ts'
import { type Answer, askedOf, status, type Turn } from './turn.ts'

/** Frees what the client owns and ignores the rest. RFC 9915 section 18.3.7. */
export function release(turn: Turn): Answer {
  return giveUp(turn, binding => turn.release(binding))
}

/** Puts what the client owns and found in use into quarantine. RFC 9915 section 18.3.8. */
export function decline(turn: Turn): Answer {
  return giveUp(turn, binding => turn.decline(binding))
}

function giveUp(turn: Turn, record: Turn['release']): Answer {
  const { plan } = turn.context.scope
  const options: Option[] = [status(Status.success, 'done')]
  for (const ia of turn.ias()) {
    const owned = turn.owned(ia)
    if (owned.kind === 'probe') return owned
    if (!owned.binding) {
      // No T1 and T2 here: the IA says only that we don't know it.
      options.push({ ...ia, t1: 0, t2: 0, options: [status(Status.noBinding, 'no such binding')] })
      continue
    }
    if (askedOf(ia).includes(addressOf(plan.prefix, owned.binding.host))) record(owned.binding)
  }
  return { kind: 'answer', options }
}
