import { type Ip6, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { type Mac, parseMac } from '../../../appliance/base/mac.ts'
import { offersOf, type Settings } from '../../../appliance/dhcp/configuration.ts'
import type { Probe, Probed } from '../../../appliance/dhcp/context.ts'
import { type Duid, parseDuid } from '../../../appliance/dhcp/duid.ts'
import { type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import {
  findOption,
  findOptions,
  type IaNa,
  type IaPd,
  type Option,
  optionCode,
} from '../../../appliance/dhcp/options.ts'
import { Reservations } from '../../../appliance/dhcp/reservations.ts'
import type { Scope } from '../../../appliance/dhcp/scope.ts'
import { decide, type Outcome } from '../../../appliance/dhcp/server.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'

export const site = parsePrefix('fc9c:56c2:e389:e92c:eee5::/80')
export const us = parseDuid('00:04:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00')
export const them = parseDuid('00:01:00:01:01:02:03:04:02:00:00:00:00:09')
export const host = parseDuid('00:01:00:01:2a:2a:2a:2a:02:00:00:00:00:0a')
export const macA = parseMac('02:00:00:00:00:0a')
export const macB = parseMac('02:00:00:00:00:0b')

export function scopeOf(over: Partial<Scope> = {}): Scope {
  return {
    interface: 'eth1',
    plan: lanPlan(site, undefined),
    beside: [],
    away: [],
    preference: 255,
    rapidCommit: true,
    lifetimes: { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 },
    offers: [],
    probe: false,
    allowAddressRegistration: true,
    reservations: new Reservations(),
    requesters: [],
    delegate: undefined,
    ...over,
  }
}

/** The offers of a LAN that is configured like this. */
export const offered = (over: Partial<Settings> = {}) =>
  offersOf({ dns: { servers: [], search: [] }, ntp: { servers: [] }, options: [], ...over })

/** A server in memory: what it decides is stored at once. */
export class Scene {
  scope: Scope
  table: Table
  now = 1_800_000_000_000
  mac: Mac | undefined = macA
  linkLocal: Ip6 | undefined = parseIp6('fe80::a')
  from: Ip6 = parseIp6('fe80::a')
  /** What the LAN says to probes; undefined asks. */
  answers: boolean | undefined = undefined
  /** Who uses an address, as a probe without a MAC finds it; nobody else does, unless `asksFirst`. */
  readonly users = new Map<Ip6, Mac>()
  asksFirst = false
  rivals = false
  alone = true

  constructor(over: Partial<Scope> = {}, table = new Table()) {
    this.scope = scopeOf(over)
    this.table = table
  }

  probed({ address, mac }: Probe): Probed | undefined {
    if (mac === undefined) return this.users.get(address) ?? (this.asksFirst ? undefined : 'silent')
    return this.answers === undefined ? undefined : this.answers ? mac : 'silent'
  }

  decide(message: Message): Outcome {
    const outcome = decide(message, {
      scope: this.scope,
      identity: { duid: us, secret: new Uint8Array(32).fill(7) },
      bindings: this.table,
      mac: this.mac,
      from: this.from,
      linkLocal: this.linkLocal,
      now: this.now,
      probed: probe => this.probed(probe),
      rivals: this.rivals,
      alone: () => this.alone,
    })
    if (outcome.kind === 'reply') this.table.apply(outcome.changes)
    return outcome
  }

  /** The reply to a message of the host, which must get one. */
  ask(type: keyof typeof MessageType, options: readonly Option[], duid: Duid = host): Message {
    const outcome = this.decide(message(type, options, duid))
    if (outcome.kind !== 'reply') throw new Error(`no reply: ${JSON.stringify(outcome)}`)
    return outcome.reply
  }

  /** Solicit and Request: the address that the host gets. */
  lease(iaid = 1, duid: Duid = host): Ip6 {
    return onlyAddress(this.ask('request', [ia([], iaid)], duid))
  }
}

const toUs = new Set(['request', 'renew', 'release', 'decline'])

export function message(type: keyof typeof MessageType, options: readonly Option[], duid: Duid = host): Message {
  const server: Option[] = toUs.has(type) ? [{ kind: 'server-id', duid: us }] : []
  return {
    type: MessageType[type],
    transaction: 0xabcdef,
    options: [{ kind: 'client-id', duid }, ...server, ...options],
  }
}

/** An IA_NA that names these addresses. */
export function ia(addresses: readonly (Ip6 | string)[] = [], iaid = 1): IaNa {
  const options = addresses.map(
    address =>
      ({
        kind: 'ia-address',
        address: typeof address === 'string' ? parseIp6(address) : address,
        preferred: 7200,
        valid: 7500,
        options: [],
      }) as const,
  )
  return { kind: 'ia-na', iaid, t1: 3600, t2: 5400, options }
}

/** An IA_PD that names these prefixes; `::/96` is a hint at a length. */
export const pd = (prefixes: readonly string[] = [], iaid = 1): IaPd => ({
  kind: 'ia-pd',
  iaid,
  t1: 0,
  t2: 0,
  options: prefixes.map(text => ({
    kind: 'ia-prefix',
    prefix: parsePrefix(text),
    preferred: 0,
    valid: 0,
    options: [],
  })),
})

export const oro = (...kinds: Parameters<typeof optionCode>[0][]): Option => ({
  kind: 'option-request',
  codes: kinds.map(optionCode),
})

/** Every IA of a reply as text: `na 1: fc9c::1 3600/86400, status 2`. */
export function iasOf(
  reply: Message,
): { iaid: number; addresses: [Ip6, number, number][]; status: number | undefined }[] {
  return reply.options.flatMap(option => {
    if (option.kind !== 'ia-na' && option.kind !== 'ia-pd') return []
    const addresses = findOptions(option.options, 'ia-address').map(
      ({ address, preferred, valid }): [Ip6, number, number] => [address, preferred, valid],
    )
    return [{ iaid: option.iaid, addresses, status: findOption(option.options, 'status-code')?.status }]
  })
}

export function onlyAddress(reply: Message): Ip6 {
  const live = iasOf(reply)
    .flatMap(({ addresses }) => addresses)
    .filter(([, , valid]) => valid > 0)
  if (live.length !== 1) throw new Error(`${live.length} addresses where one was expected`)
  return live[0]![0]
}

export const statusOf = (reply: Message): number | undefined => findOption(reply.options, 'status-code')?.status
