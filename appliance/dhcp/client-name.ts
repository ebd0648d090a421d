import { askedCodes } from './configuration.ts'
import { MessageType } from './message.ts'
import type { ClientFqdn } from './option/client-fqdn.ts'
import { findOption, optionCode } from './options.ts'
import type { Turn } from './turn.ts'

/** Who updates the DNS. RFC 4704 section 4.1. */
const flag = { serverUpdates: 1, overridden: 2, noUpdates: 4 } as const

/**
 * What a host that asks is told of its name: the one that it goes by here, and that nobody updates the DNS with it. A name that is
 * not taken is not told either, so that the host keeps it for itself. RFC 4704 section 6.
 */
export function nameTold(turn: Turn): ClientFqdn | undefined {
  const theirs = findOption(turn.message.options, 'client-fqdn')
  if (!theirs || turn.message.type === MessageType.informationRequest) return undefined
  if (!askedCodes(turn.message).includes(optionCode('client-fqdn'))) return undefined
  const name = turn.client.hostname()
  if (name === undefined) return undefined
  const overridden = theirs.flags & flag.serverUpdates ? flag.overridden : 0
  return { kind: 'client-fqdn', flags: flag.noUpdates | overridden, name, partial: theirs.partial }
}
