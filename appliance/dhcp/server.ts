/**
 * The DHCPv6 server as a function: a message and what is known in, an answer and what must be stored before it leaves out. It has
 * no clock, socket or database; LanServer gives it theirs.
 */
import type { Change } from './binding.ts'
import { nameTold } from './client-name.ts'
import { configuration } from './configuration.ts'
import { confirm } from './confirm.ts'
import type { Context, Probe } from './context.ts'
import type { Reason } from './counters.ts'
import { delegations } from './delegate.ts'
import { informationRequest } from './information-request.ts'
import { type Message, MessageType } from './message.ts'
import type { News } from './news.ts'
import { findOption, type Option } from './options.ts'
import { rebind } from './rebind.ts'
import { register } from './registration.ts'
import { decline, release } from './release.ts'
import { renew } from './renew.ts'
import { request } from './request.ts'
import { solicit } from './solicit.ts'
import { type Answer, Turn } from './turn.ts'
import { refusal } from './validate.ts'

/**
 * `reply`: store `changes`, then send; its last `optional` options may be left out where it would get too long. `probe`: ask the
 * LAN, then decide again.
 */
export type Outcome =
  | {
      readonly kind: 'reply'
      readonly reply: Message
      readonly optional: number
      readonly changes: readonly Change[]
      readonly news: News | undefined
    }
  | { readonly kind: 'ignore'; readonly reason: Reason }
  | { readonly kind: 'probe'; readonly probe: Probe }

const handlers = new Map<number, (turn: Turn) => Answer>([
  [MessageType.solicit, solicit],
  [MessageType.request, request],
  [MessageType.confirm, confirm],
  [MessageType.renew, renew],
  [MessageType.rebind, rebind],
  [MessageType.release, release],
  [MessageType.decline, decline],
  [MessageType.informationRequest, informationRequest],
  [MessageType.registration, register],
])

/** What to do about a message that arrived on the LAN. RFC 9915 section 18.3. */
export function decide(message: Message, context: Context): Outcome {
  const refused = refusal(message, context.identity.duid)
  const handler = handlers.get(message.type)
  if (refused !== undefined || !handler) return { kind: 'ignore', reason: refused ?? 'notForServers' }
  const turn = new Turn(message, context)
  const answer = handler(turn)
  if (message.type === MessageType.registration && answer.kind === 'answer') return registered(turn, answer.options)
  if (answer.kind === 'probe') return answer
  const prefixes = delegations(turn)
  if (prefixes.kind === 'probe') return prefixes
  const given = [...(answer.kind === 'answer' ? answer.options : []), ...prefixes.options]
  // Who has a prefix of ours alone rebinds it with us.
  if (answer.kind === 'ignore' && !given.some(gives)) return answer
  const soliciting = message.type === MessageType.solicit
  const committed = soliciting && turn.changes.some(({ kind }) => kind === 'put')
  const told = tell(turn)
  const head = soliciting && !committed ? draw(given, context.scope.preference) : []
  if (committed) head.push({ kind: 'rapid-commit' })
  const client = findOption(message.options, 'client-id')
  const server: Option = { kind: 'server-id', duid: context.identity.duid }
  const reply: Message = {
    type: soliciting && !committed ? MessageType.advertise : MessageType.reply,
    transaction: message.transaction,
    options: [...(client ? [client] : []), server, ...head, ...given, ...told],
  }
  return { kind: 'reply', reply, optional: told.length, changes: turn.changes, news: turn.news }
}

/** Nothing but what was registered, so that the host knows which of its addresses is meant. RFC 9686 section 4.3. */
function registered({ message, changes, news }: Turn, options: readonly Option[]): Outcome {
  const reply = { type: MessageType.registrationReply, transaction: message.transaction, options }
  return { kind: 'reply', reply, optional: 0, changes, news }
}

/** What a host may be told besides its leases, the dearest first. */
function tell(turn: Turn): Option[] {
  const { message, client } = turn
  if (silent.has(message.type)) return []
  const told = configuration(message, client.offers)
  const name = nameTold(turn)
  return name ? [...told, name] : told
}

/** Messages whose answer tells nothing but how it went. */
const silent: ReadonlySet<number> = new Set([MessageType.confirm, MessageType.release, MessageType.decline])

const gives = (option: Option): boolean =>
  (option.kind === 'ia-na' && findOption(option.options, 'ia-address') !== undefined) ||
  (option.kind === 'ia-pd' && findOption(option.options, 'ia-prefix') !== undefined)

/** Who gets nothing here must not be drawn away from a server that has what it wants. */
function draw(given: readonly Option[], preference: number): Option[] {
  return preference > 0 && given.some(gives) ? [{ kind: 'preference', value: preference }] : []
}
