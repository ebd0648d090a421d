/**
 * The options of DHCPv6: the table of those we know, and how any list of them is written and read. A new option is one codec and
 * one row. What has no row is carried as `unknown` and is never a reason to discard a message.
 */
import { DecodeError, type Reader, type Writer } from '../base/bytes.ts'
import { type ClientFqdn, clientFqdn } from './option/client-fqdn.ts'
import type { Nested, OptionCodec } from './option/codec.ts'
import { type DnsServers, type DomainList, dnsServers, domainList } from './option/dns.ts'
import {
  type AddressRegistration,
  addressRegistration,
  type RapidCommit,
  type ReconfigureAccept,
  rapidCommit,
  reconfigureAccept,
} from './option/empty.ts'
import { type ClientId, clientId, type ServerId, serverId } from './option/identifier.ts'
import {
  type AddressOf,
  type IdentityAssociation,
  iaAddress,
  iaPrefix,
  identityAssociation,
  type PrefixOf,
} from './option/identity-association.ts'
import {
  type ClientDataOf,
  type ClientLinks,
  clientData,
  cltTime,
  type LastTransaction,
  lqClientLink,
  lqQuery,
  type QueryOf,
} from './option/leasequery.ts'
import { type NtpServer, ntpServer, type SntpServers, sntpServers } from './option/ntp.ts'
import {
  type ElapsedTime,
  elapsedTime,
  type InfMaxRt,
  type InformationRefreshTime,
  infMaxRt,
  informationRefreshTime,
  type Preference,
  preference,
  type SolMaxRt,
  solMaxRt,
} from './option/number.ts'
import { type OptionRequest, optionRequest } from './option/option-request.ts'
import {
  type Authentication,
  authentication,
  type ReconfigureMessage,
  reconfigureMessage,
} from './option/reconfigure.ts'
import { type StatusCode, statusCode } from './option/status-code.ts'

/** An option without a row here, or with a body that could not be read, as it came. */
export interface UnknownOption {
  readonly kind: 'unknown'
  readonly code: number
  readonly bytes: Uint8Array
}

export interface IaNa extends IdentityAssociation<Option> {
  readonly kind: 'ia-na'
}
export interface IaPd extends IdentityAssociation<Option> {
  readonly kind: 'ia-pd'
}
export interface IaAddress extends AddressOf<Option> {}
export interface IaPrefix extends PrefixOf<Option> {}
export interface LqQuery extends QueryOf<Option> {}
export interface ClientData extends ClientDataOf<Option> {}

export type KnownOption =
  | ClientId
  | ServerId
  | IaNa
  | IaAddress
  | OptionRequest
  | Preference
  | ElapsedTime
  | Authentication
  | StatusCode
  | RapidCommit
  | ReconfigureMessage
  | ReconfigureAccept
  | DnsServers
  | DomainList
  | IaPd
  | IaPrefix
  | InformationRefreshTime
  | SntpServers
  | ClientFqdn
  | LqQuery
  | ClientData
  | LastTransaction
  | ClientLinks
  | NtpServer
  | SolMaxRt
  | InfMaxRt
  | AddressRegistration
export type Option = KnownOption | UnknownOption
export type OptionOf<K extends Option['kind']> = Extract<Option, { kind: K }>

const nested: Nested<Option> = { encode: encodeOptions, decode: decodeOptions }

const codecs: { readonly [K in KnownOption['kind']]: OptionCodec<OptionOf<K>> } = {
  'client-id': clientId,
  'server-id': serverId,
  'ia-na': identityAssociation('ia-na', 3, nested),
  'ia-address': iaAddress(nested),
  'option-request': optionRequest,
  preference,
  'elapsed-time': elapsedTime,
  authentication,
  'status-code': statusCode,
  'rapid-commit': rapidCommit,
  'reconfigure-message': reconfigureMessage,
  'reconfigure-accept': reconfigureAccept,
  'dns-servers': dnsServers,
  'domain-list': domainList,
  'ia-pd': identityAssociation('ia-pd', 25, nested),
  'ia-prefix': iaPrefix(nested),
  'information-refresh-time': informationRefreshTime,
  'sntp-servers': sntpServers,
  'client-fqdn': clientFqdn,
  'lq-query': lqQuery(nested),
  'client-data': clientData(nested),
  'clt-time': cltTime,
  'lq-client-link': lqClientLink,
  'ntp-server': ntpServer,
  'sol-max-rt': solMaxRt,
  'inf-max-rt': infMaxRt,
  'address-registration': addressRegistration,
}

const byCode: (OptionCodec<Option> | undefined)[] = []
for (const codec of Object.values(codecs)) byCode[codec.code] = codec as OptionCodec<Option>

/** The code of an option that has a row. */
export function optionCode(kind: KnownOption['kind']): number {
  return codecs[kind].code
}

const deepest = 3 // a message holds IAs, an IA holds addresses, an address holds a status code

/** All options to the end of the body. Throws a DecodeError where one is cut off or is not what its code says. */
export function decodeOptions(body: Reader, depth = 0): Option[] {
  if (depth > deepest) throw new DecodeError(`options nested ${depth} deep`)
  const options: Option[] = []
  while (body.left > 0) {
    const code = body.u16()
    options.push(decodeOption(code, body.sub(body.u16()), depth))
  }
  return options
}

function decodeOption(code: number, body: Reader, depth: number): Option {
  const codec = byCode[code]
  if (!codec) return { kind: 'unknown', code, bytes: body.bytes(body.left).slice() }
  const whole = codec.lenient && body.fork()
  try {
    const option = codec.decode(body, depth)
    if (body.left > 0) throw new DecodeError(`${body.left} octets after the end of option ${code}`)
    return option
  } catch (error) {
    if (!whole || !(error instanceof DecodeError)) throw error
    return { kind: 'unknown', code, bytes: whole.bytes(whole.left).slice() }
  }
}

export function encodeOptions(options: readonly Option[], out: Writer): void {
  for (const option of options) {
    if (option.kind === 'unknown') {
      out.u16(option.code).u16(option.bytes.length).bytes(option.bytes)
      continue
    }
    const codec = codecs[option.kind] as OptionCodec<Option>
    const start = out.u16(codec.code).begin16()
    codec.encode(option, out)
    out.end16(start)
  }
}

/** The first option of a kind. */
export function findOption<K extends Option['kind']>(options: readonly Option[], kind: K): OptionOf<K> | undefined {
  for (const option of options) if (option.kind === kind) return option as OptionOf<K>
  return undefined
}

/** Every option of a kind. */
export function findOptions<K extends Option['kind']>(options: readonly Option[], kind: K): OptionOf<K>[] {
  const found: OptionOf<K>[] = []
  for (const option of options) if (option.kind === kind) found.push(option as OptionOf<K>)
  return found
}

export function countOptions(options: readonly Option[], kind: Option['kind']): number {
  let count = 0
  for (const option of options) if (option.kind === kind) count++
  return count
}
