import { type Ip6, isLinkLocal, isMulticast } from '../base/ip6.ts'
import type { Reason } from './counters.ts'
import { MessageType } from './message.ts'
import type { UdpIn } from './socket.ts'

/** What to make of a datagram by its type and its addresses, before it is read. */
export type Admission =
  | { readonly kind: 'client' | 'relay' | 'requester' }
  | { readonly kind: 'ignore'; readonly reason: Reason }

/** `requesters` may ask about leases. Everybody else multicasts, or is a relay. RFC 9915 section 16. */
export function admit(
  { bytes, address, destination }: Pick<UdpIn, 'bytes' | 'address' | 'destination'>,
  requesters: readonly Ip6[],
): Admission {
  const type = bytes[0]
  if (type === MessageType.relayForward) return { kind: 'relay' }
  if (type === MessageType.leasequery)
    return requesters.includes(address) ? { kind: 'requester' } : { kind: 'ignore', reason: 'notRequester' }
  // udhcpc6 renews by unicast, and multicasts when no answer comes.
  if (!isMulticast(destination)) return { kind: 'ignore', reason: 'unicast' }
  if (type === MessageType.registration) return { kind: 'client' } // comes from the address that it is about
  if (!isLinkLocal(address)) return { kind: 'ignore', reason: 'notLinkLocal' }
  if (type === MessageType.relayReply) return { kind: 'ignore', reason: 'notForServers' }
  return { kind: 'client' }
}
