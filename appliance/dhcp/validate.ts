import type { Reason } from './counters.ts'
import type { Duid } from './duid.ts'
import { type Message, MessageType } from './message.ts'
import { countOptions, findOption, type Option } from './options.ts'

interface Rule {
  readonly clientId: 'needed' | 'optional'
  readonly serverId: 'ours' | 'ours-or-none' | 'none'
  readonly ia: 'allowed' | 'refused'
}

const toUs: Rule = { clientId: 'needed', serverId: 'ours', ia: 'allowed' }
const toAll: Rule = { clientId: 'needed', serverId: 'none', ia: 'allowed' }

const rules = new Map<number, Rule>([
  [MessageType.solicit, toAll], // RFC 9915 section 16.2
  [MessageType.request, toUs], // RFC 9915 section 16.4
  [MessageType.confirm, toAll], // RFC 9915 section 16.5
  [MessageType.renew, toUs], // RFC 9915 section 16.6
  [MessageType.rebind, toAll], // RFC 9915 section 16.7
  [MessageType.decline, toUs], // RFC 9915 section 16.8
  [MessageType.release, toUs], // RFC 9915 section 16.9
  [MessageType.registration, { clientId: 'needed', serverId: 'none', ia: 'refused' }], // RFC 9686 section 4.2.1
  [MessageType.leasequery, { clientId: 'needed', serverId: 'ours-or-none', ia: 'allowed' }], // RFC 5007 section 4.2.1
  [MessageType.informationRequest, { clientId: 'optional', serverId: 'ours-or-none', ia: 'refused' }], // section 16.12
])

/** Why a server with this DUID must discard the message, or undefined where it must not. RFC 9915 section 16. */
export function refusal({ type, options }: Message, server: Duid): Reason | undefined {
  const rule = rules.get(type)
  if (!rule) return 'notForServers'
  const client = findOption(options, 'client-id')
  const to = findOption(options, 'server-id')
  if (countOptions(options, 'client-id') > 1 || countOptions(options, 'server-id') > 1) return 'repeatedIdentifier'
  if (countOptions(options, 'authentication') > 1) return 'repeatedAuthentication' // RFC 9915 section 20.2
  if (rule.clientId === 'needed' && !client) return 'noClientId'
  if (rule.serverId === 'ours' && !to) return 'noServerId'
  if (rule.serverId === 'none' && to) return 'serverIdToAll'
  if (to && to.duid !== server) return 'foreignServerId'
  if (rule.ia === 'refused' && options.some(option => option.kind === 'ia-na' || option.kind === 'ia-pd'))
    return 'iaNotAllowed'
  if (type === MessageType.registration && !registersOne(options)) return 'badRegistration'
  if (type === MessageType.leasequery && !findOption(options, 'lq-query')) return 'noQuery'
  return undefined
}

/** One address, and no options are asked for. RFC 9686 section 4.2.1. */
const registersOne = (options: readonly Option[]): boolean =>
  countOptions(options, 'ia-address') === 1 && findOption(options, 'option-request') === undefined
