/**
 * Which solicitations on a LAN the router answers for others. Hosts that don't read route information hold the whole /40 to be
 * on-link and ask the LAN for addresses that are elsewhere; the router answers for every one of them, so that they send it what
 * it then forwards. Nobody else may answer for the /40, so it needn't wait as a proxy would. RFC 4861 section 7.2.8.
 */
import { contains, type Ip6, type Prefix } from '../base/ip6.ts'
import { type LanPlan, upperHalf } from '../plane/plan.ts'

/** What the responder answers for. */
export interface ResponderScope {
  readonly networkPrefix: Prefix
  readonly plan: LanPlan // of the LAN it stands on
  readonly former?: LanPlan | undefined // what that was, while hosts may have addresses of then
}

/**
 * Whether the router answers for `target`: it is in the network and not on this LAN. On the first LAN, whose prefix is the whole
 * /80, the upper half of it isn't on the LAN either (other LANs, delegated prefixes). Addresses there that nobody holds are
 * answered for too: the router then says "unreachable" at once, and a host that claims one for itself finds a duplicate.
 */
export function answersFor(target: Ip6, { networkPrefix, plan, former }: ResponderScope): boolean {
  if (!contains(networkPrefix, target)) return false
  return !isOn(plan, target) && !(former && isOn(former, target))
}

function isOn({ prefix, subnet }: LanPlan, target: Ip6): boolean {
  return contains(prefix, target) && !(subnet === undefined && contains(upperHalf(prefix), target))
}
