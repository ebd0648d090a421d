import type { Ip6 } from '../base/ip6.ts'
import { type Binding, type BindingKey, isLive } from './binding.ts'
import type { Probe } from './context.ts'
import { addressesOf } from './scope.ts'
import type { Turn } from './turn.ts'

const mostFound = 8 // of one message, our own: a LAN where that many addresses are in use has other troubles

/**
 * Whether somebody uses the address that a host is to get for the first time: the question that the LAN must still be asked, where
 * the scope wants that. An address that is in use goes into quarantine and the next one is asked for. RFC 9915 section 13.1.
 */
export function unproven(
  turn: Turn,
  key: BindingKey,
  binding: Binding | undefined,
  asked: readonly Ip6[],
): Probe | undefined {
  const { scope, mac, linkLocal, now } = turn.context
  if (!scope.probe || linkLocal === undefined || (binding && isLive(binding, now))) return undefined
  for (let found = 0; found < mostFound; found++) {
    const host = turn.pick(key, turn.kept(binding), asked)
    if (host === undefined) return undefined
    const probes = addressesOf(scope, host).map(address => ({ address, mac: undefined }))
    const unknown = probes.find(probe => turn.context.probed(probe) === undefined)
    if (unknown) return unknown
    const inUse = probes.find(probe => ![mac, 'silent'].includes(turn.context.probed(probe)))
    if (!inUse) return undefined
    turn.quarantine({ ...key, host, mac }, 'probed', inUse.address)
  }
  return undefined
}
