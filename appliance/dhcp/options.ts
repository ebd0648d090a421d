/**
 * The options of DHCPv6, one row each, both directions side by side. What has no row is carried as `unknown` and is never a reason
 * to discard a message.
 */
import { DecodeError, Reader, type Writer } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Ip6, type Prefix, prefixOf } from '../base/ip6.ts'
import { decodeName, encodeName } from './domain-name.ts'
import { type Duid, duidBytes, duidFromBytes } from './duid.ts'

/** The client's identifier. RFC 9915 section 21.2. */
export interface ClientId {
  readonly kind: 'client-id'
  readonly duid: Duid
}

/** The server's identifier. RFC 9915 section 21.3. */
export interface ServerId {
  readonly kind: 'server-id'
  readonly duid: Duid
}

/** A container of addresses; T1 and T2 in seconds. RFC 9915 section 21.4. */
export interface IaNa {
  readonly kind: 'ia-na'
  readonly iaid: number
  readonly t1: number
  readonly t2: number
  readonly options: readonly Option[]
}

/** An address and its lifetimes in seconds, 0xffffffff for ever. RFC 9915 section 21.6. */
export interface IaAddress {
  readonly kind: 'ia-address'
  readonly address: Ip6
  readonly preferred: number
  readonly valid: number
  readonly options: readonly Option[]
}

/** The codes of options that the client would like. RFC 9915 section 21.7. */
export interface OptionRequest {
  readonly kind: 'option-request'
  readonly codes: readonly number[]
}

/** How much a server wants to be chosen, 0 to 255. RFC 9915 section 21.8. */
export interface Preference {
  readonly kind: 'preference'
  readonly value: number
}

/** How long the client has been trying, in hundredths of a second. RFC 9915 section 21.9. */
export interface ElapsedTime {
  readonly kind: 'elapsed-time'
  readonly hundredths: number
}

/** How it went, for the message or for what contains it. RFC 9915 section 21.13. */
export interface StatusCode {
  readonly kind: 'status-code'
  readonly status: number
  readonly text: string
}

/** The client would take a Reply to its Solicit at once. RFC 9915 section 21.14. */
export interface RapidCommit {
  readonly kind: 'rapid-commit'
}

/** Recursive name servers. RFC 3646 section 3. */
export interface DnsServers {
  readonly kind: 'dns-servers'
  readonly servers: readonly Ip6[]
}

/** The domain search list. RFC 3646 section 4. */
export interface DomainList {
  readonly kind: 'domain-list'
  readonly names: readonly string[]
}

/** A container of prefixes; T1 and T2 in seconds. RFC 9915 section 21.21. */
export interface IaPd {
  readonly kind: 'ia-pd'
  readonly iaid: number
  readonly t1: number
  readonly t2: number
  readonly options: readonly Option[]
}

/** A delegated prefix and its lifetimes in seconds. RFC 9915 section 21.22. */
export interface IaPrefix {
  readonly kind: 'ia-prefix'
  readonly prefix: Prefix
  readonly preferred: number
  readonly valid: number
  readonly options: readonly Option[]
}

/** When to ask for configuration again, in seconds. RFC 9915 section 21.23. */
export interface InformationRefreshTime {
  readonly kind: 'information-refresh-time'
  readonly seconds: number
}

/** The client's name: flags as on the wire; `partial` is a name that its domain is still to be added to. RFC 4704 section 4. */
export interface ClientFqdn {
  readonly kind: 'client-fqdn'
  readonly flags: number
  readonly name: string
  readonly partial: boolean
}

/** The longest interval between Solicits, in seconds. RFC 9915 section 21.24. */
export interface SolMaxRt {
  readonly kind: 'sol-max-rt'
  readonly seconds: number
}

/** The longest interval between Information-requests, in seconds. RFC 9915 section 21.25. */
export interface InfMaxRt {
  readonly kind: 'inf-max-rt'
  readonly seconds: number
}

/** An option without a row here, as it came. */
export interface UnknownOption {
  readonly kind: 'unknown'
  readonly code: number
  readonly bytes: Uint8Array
}

export type KnownOption =
  | ClientId
  | ServerId
  | IaNa
  | IaAddress
  | OptionRequest
  | Preference
  | ElapsedTime
  | StatusCode
  | RapidCommit
  | DnsServers
  | DomainList
  | IaPd
  | IaPrefix
  | InformationRefreshTime
  | ClientFqdn
  | SolMaxRt
  | InfMaxRt
export type Option = KnownOption | UnknownOption
export type OptionOf<K extends Option['kind']> = Extract<Option, { kind: K }>

interface Row<K extends KnownOption['kind']> {
  readonly code: number
  encode(option: OptionOf<K>, out: Writer): void
  /** Must read the body to its end. */
  decode(body: Reader, depth: number): Option
}

const seconds = (code: number, kind: 'information-refresh-time' | 'sol-max-rt' | 'inf-max-rt') => ({
  code,
  encode: (option: { readonly seconds: number }, out: Writer) => void out.u32(option.seconds),
  decode: (body: Reader): Option => ({ kind, seconds: body.u32() }),
})

const identifier = (code: number, kind: 'client-id' | 'server-id') => ({
  code,
  encode: (option: { readonly duid: Duid }, out: Writer) => void out.bytes(duidBytes(option.duid)),
  decode: (body: Reader): Option => ({ kind, duid: duidFromBytes(body.bytes(body.left)) }),
})

const container = (code: number, kind: 'ia-na' | 'ia-pd') => ({
  code,
  encode: ({ iaid, t1, t2, options }: Omit<IaNa, 'kind'>, out: Writer) =>
    encodeOptions(options, out.u32(iaid).u32(t1).u32(t2)),
  decode: (body: Reader, depth: number): Option => ({
    kind,
    iaid: body.u32(),
    t1: body.u32(),
    t2: body.u32(),
    options: decodeOptions(body, depth + 1),
  }),
})

const rows: { readonly [K in KnownOption['kind']]: Row<K> } = {
  'client-id': identifier(1, 'client-id'),
  'server-id': identifier(2, 'server-id'),
  'ia-na': container(3, 'ia-na'),
  'ia-address': {
    code: 5,
    encode: ({ address, preferred, valid, options }, out) =>
      encodeOptions(options, out.bytes(bytesOf(address)).u32(preferred).u32(valid)),
    decode: (body, depth) => ({
      kind: 'ia-address',
      address: fromBytes(body.bytes(16)),
      preferred: body.u32(),
      valid: body.u32(),
      options: decodeOptions(body, depth + 1),
    }),
  },
  'option-request': {
    code: 6,
    encode: ({ codes }, out) => {
      for (const code of codes) out.u16(code)
    },
    decode: body => {
      const codes: number[] = []
      while (body.left > 0) codes.push(body.u16())
      return { kind: 'option-request', codes }
    },
  },
  preference: {
    code: 7,
    encode: ({ value }, out) => void out.u8(value),
    decode: body => ({ kind: 'preference', value: body.u8() }),
  },
  'elapsed-time': {
    code: 8,
    encode: ({ hundredths }, out) => void out.u16(hundredths),
    decode: body => ({ kind: 'elapsed-time', hundredths: body.u16() }),
  },
  'status-code': {
    code: 13,
    encode: ({ status, text }, out) => void out.u16(status).bytes(new TextEncoder().encode(text)),
    decode: body => ({
      kind: 'status-code',
      status: body.u16(),
      text: new TextDecoder().decode(body.bytes(body.left)),
    }),
  },
  'rapid-commit': { code: 14, encode() {}, decode: () => ({ kind: 'rapid-commit' }) },
  'dns-servers': {
    code: 23,
    encode: ({ servers }, out) => {
      for (const server of servers) out.bytes(bytesOf(server))
    },
    decode: body => {
      const servers: Ip6[] = []
      while (body.left > 0) servers.push(fromBytes(body.bytes(16)))
      return { kind: 'dns-servers', servers }
    },
  },
  'domain-list': {
    code: 24,
    encode: ({ names }, out) => {
      for (const name of names) encodeName(name, out)
    },
    decode: body => {
      const names: string[] = []
      while (body.left > 0) names.push(decodeName(body).name)
      return { kind: 'domain-list', names }
    },
  },
  'ia-pd': container(25, 'ia-pd'),
  'ia-prefix': {
    code: 26,
    encode: ({ prefix, preferred, valid, options }, out) =>
      encodeOptions(options, out.u32(preferred).u32(valid).u8(prefix.length).bytes(bytesOf(prefix.address))),
    decode: (body, depth) => {
      const preferred = body.u32()
      const valid = body.u32()
      const length = body.u8()
      const prefix = prefixOf(fromBytes(body.bytes(16)), length)
      return { kind: 'ia-prefix', prefix, preferred, valid, options: decodeOptions(body, depth + 1) }
    },
  },
  'information-refresh-time': seconds(32, 'information-refresh-time'),
  'client-fqdn': {
    code: 39,
    encode: ({ flags, name, partial }, out) => encodeName(name, out.u8(flags), partial),
    decode: body => {
      // A name that can't be read is no reason to leave a host without an address.
      const bytes = body.bytes(body.left)
      try {
        const name = new Reader(bytes)
        return { kind: 'client-fqdn', flags: name.u8(), ...decodeName(name) }
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
        return { kind: 'unknown', code: 39, bytes: bytes.slice() }
      }
    },
  },
  'sol-max-rt': seconds(82, 'sol-max-rt'),
  'inf-max-rt': seconds(83, 'inf-max-rt'),
}

const byCode = new Map(Object.values(rows).map(row => [row.code, row]))

/** The code of an option that has a row. */
export function optionCode(kind: KnownOption['kind']): number {
  return rows[kind].code
}

const deepest = 3 // a message holds IAs, an IA holds addresses, an address holds a status code

/** All options to the end of the body. Throws a DecodeError where one is cut off or is not what its code says. */
export function decodeOptions(body: Reader, depth = 0): Option[] {
  if (depth > deepest) throw new DecodeError(`options nested ${depth} deep`)
  const options: Option[] = []
  while (body.left > 0) {
    const code = body.u16()
    const length = body.u16()
    const content = body.sub(length)
    const row = byCode.get(code)
    if (!row) {
      options.push({ kind: 'unknown', code, bytes: content.bytes(length).slice() })
      continue
    }
    options.push(row.decode(content, depth))
    if (content.left > 0) throw new DecodeError(`${content.left} octets after the end of option ${code}`)
  }
  return options
}

export function encodeOptions(options: readonly Option[], out: Writer): void {
  for (const option of options) {
    if (option.kind === 'unknown') {
      out.u16(option.code).sized16(body => body.bytes(option.bytes))
      continue
    }
    const row = rows[option.kind] as Row<typeof option.kind>
    out.u16(row.code).sized16(body => row.encode(option as never, body))
  }
}

/** The first option of a kind. */
export function findOption<K extends Option['kind']>(options: readonly Option[], kind: K): OptionOf<K> | undefined {
  return options.find((option): option is OptionOf<K> => option.kind === kind)
}

/** Every option of a kind. */
export function findOptions<K extends Option['kind']>(options: readonly Option[], kind: K): OptionOf<K>[] {
  return options.filter((option): option is OptionOf<K> => option.kind === kind)
}
