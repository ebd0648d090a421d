import { sleep } from '../base/clock.ts'
import { allNodes, type Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { encodeMessage } from './message.ts'
import { type Endpoint, type IcmpIn, type IcmpOut, type LinkRef, openSendingSocket } from './socket.ts'

const times = 3 // MAX_NEIGHBOR_ADVERTISEMENT, RFC 4861 section 10
const gap = 1_000 // RETRANS_TIMER there, in milliseconds

interface Introduction {
  readonly link: LinkRef & { readonly mac: Mac }
  readonly linkLocal: Ip6
  readonly addresses: readonly Ip6[] // of the router on this link
  readonly open?: (link: LinkRef) => Endpoint<IcmpIn, IcmpOut>
}

/**
 * Tells the hosts of a LAN which card the router has now: they may know it by another, and would go on sending there for half a
 * minute. Resolves when it was said three times, or the signal aborts. RFC 4861 section 7.2.6. Rejects with a KernelError.
 */
export async function introduce(o: Introduction, signal: AbortSignal): Promise<void> {
  using endpoint = (o.open ?? openSendingSocket)(o.link)
  const batch = o.addresses.map(target => ({
    bytes: encodeMessage({
      kind: 'neighbour-advertisement',
      router: true,
      solicited: false,
      override: true,
      target,
      options: [{ kind: 'target-link-layer-address', mac: o.link.mac }],
    }),
    source: o.linkLocal,
    destination: allNodes,
  }))
  for (let said = 0; said < times && !signal.aborted; said++) {
    if (said > 0) await sleep(gap, signal)
    if (!signal.aborted) endpoint.send(batch) // what doesn't leave is said again
  }
}
