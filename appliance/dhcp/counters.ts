/** What became of messages, counted; what was dropped by the rules is counted by the rule. */

/** Why a message is not answered, by the name of its counter. */
export const reasons = {
  unicast: 'sent to us alone', // RFC 9915 section 16
  notLinkLocal: 'not from a link-local address',
  noRelays: 'a relay message, and no LAN behind a relay is served here',
  unknownRelay: 'from a relay that is not configured',
  unknownLink: 'from a relay, for a link that it does not speak for',
  tooManyRelays: 'wrapped by more than 8 relays', // RFC 9915 section 7.6
  notForServers: 'not a message for a server',
  repeatedIdentifier: 'an identifier that may appear once appears again',
  repeatedAuthentication: 'more than one authentication option',
  noClientId: 'no client identifier',
  noServerId: 'no server identifier',
  serverIdToAll: 'a server identifier in a message to all servers',
  foreignServerId: 'for another server',
  iaNotAllowed: 'an identity association where only configuration may be asked for',
  notRequester: 'a question about leases from an address that is not among the requesters',
  noQuery: 'a question about leases without the question',
  badRegistration: 'an address registration that holds not one address, or asks for something',
  foreignRegistration: 'registers an address that it was not sent from, or that is not of this LAN',
  notRegistrable: 'registers an address that another host has by lease or reservation',
  foreignAddresses: 'addresses that we can not judge',
  nothingToSay: 'nothing to say about its addresses',
  nothingToTell: 'nothing of what it asks for is ours to tell, and another server may have it',
  flood: 'more messages wait than can be answered, most of them from this host', // RFC 9915 section 23.2
  tooManyQuestions: 'too many questions to the LAN are open', // the client will retransmit
} as const
export type Reason = keyof typeof reasons

/** Since the start. */
export interface Counters extends Record<`ignored.${Reason}`, number> {
  received: number
  overflowed: number // lost by the kernel: the socket was full
  answered: number
  malformed: number
  ignored: number // all of those by reason
  questions: number // asked of the LAN, before a message could be decided
  unstored: number // not answered because the lease could not be stored
  unrouted: number // not answered because a delegated prefix has no route
  unsent: number
  leftOut: number // options that a reply had no room for
  bugs: number
}

export function newCounters(): Counters {
  const byReason = Object.keys(reasons).map(reason => [`ignored.${reason}`, 0])
  const all = {
    received: 0,
    overflowed: 0,
    answered: 0,
    malformed: 0,
    ignored: 0,
    questions: 0,
    unstored: 0,
    unrouted: 0,
    unsent: 0,
    leftOut: 0,
    bugs: 0,
  }
  return { ...all, ...(Object.fromEntries(byReason) as Record<`ignored.${Reason}`, number>) }
}
