/** A message of DHCPv4 and what its options hold. */
import { ldhName } from '../base/domain-name.ts'
import { type Ip4, ip4FromBytes } from '../base/ip4.ts'
import type { Mac } from '../base/mac.ts'

/** A message of a client or a server. RFC 2131 section 2. */
export interface Message4 {
  readonly op: 'request' | 'reply'
  readonly xid: number
  readonly broadcast: boolean // the client can't receive unicast before it has an address
  readonly ciaddr: Ip4 // what the client has
  readonly yiaddr: Ip4 // what it is to have
  readonly giaddr: Ip4 // of a relay
  readonly mac: Mac
  readonly options: ReadonlyMap<number, Uint8Array>
}

/** RFC 2132 sections 3 to 9, RFC 3397 section 2, RFC 8925 section 3.1. */
export const option = {
  subnetMask: 1,
  routers: 3,
  domainNameServers: 6,
  hostName: 12,
  domainName: 15,
  broadcastAddress: 28,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  renewalTime: 58,
  rebindingTime: 59,
  clientIdentifier: 61,
  v6OnlyPreferred: 108,
  domainSearch: 119,
} as const

/** RFC 2132 section 9.6. */
export const type4 = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const
export type Type4 = keyof typeof type4

const types = new Map<number, Type4>(Object.entries(type4).map(([name, value]) => [value, name as Type4]))

export function typeOf({ options }: Message4): Type4 | undefined {
  const value = options.get(option.messageType)
  return value?.length === 1 ? types.get(value[0]!) : undefined
}

/** The address in an option; undefined where it is missing. Throws a DecodeError where it holds something else. */
export function addressIn({ options }: Message4, code: number): Ip4 | undefined {
  const value = options.get(code)
  return value && ip4FromBytes(value)
}

/** What can be made of the name that the host gives itself. RFC 2132 section 3.14. */
export function hostnameIn({ options }: Message4): string | undefined {
  const value = options.get(option.hostName)
  return value && ldhName(Buffer.from(value).toString('latin1'))
}

export const asked = ({ options }: Message4, code: number): boolean =>
  options.get(option.parameterRequestList)?.includes(code) ?? false
