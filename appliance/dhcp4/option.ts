/** Options of DHCPv4: their codes, what they hold, and which of them a client is told. */
import { Writer } from '../base/bytes.ts'
import { encodeName, ldhName } from '../base/domain-name.ts'
import { type Ip4, ip4Bytes, ip4FromBytes, lastOf4, mask4 } from '../base/ip4.ts'
import type { Message4 } from './codec.ts'
import type { Scope4 } from './scope.ts'

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

export const u32 = (value: number): Uint8Array => new Writer(4).u32(value).take()
const addresses = (all: readonly Ip4[]): Uint8Array => Uint8Array.from(all.flatMap(each => [...ip4Bytes(each)]))

/** What a client is told of its lease: when it ends, and when to ask for more. RFC 2131 section 4.4.5. */
export function leaseOptions({ lifetimes }: Scope4): [number, Uint8Array][] {
  return [
    [option.leaseTime, u32(lifetimes.valid)],
    [option.renewalTime, u32(lifetimes.t1)],
    [option.rebindingTime, u32(lifetimes.t2)],
  ]
}

/** What a client is told of its network. What few understand goes only to those who ask for it. */
export function networkOptions(scope: Scope4, message: Message4): [number, Uint8Array][] {
  const { subnet, routers, dns, v6OnlyPreferred } = scope
  const options: [number, Uint8Array][] = [
    [option.subnetMask, ip4Bytes(mask4(subnet.length))],
    [option.broadcastAddress, ip4Bytes(lastOf4(subnet))],
  ]
  if (routers.length > 0) options.push([option.routers, addresses(routers)])
  if (dns.servers.length > 0) options.push([option.domainNameServers, addresses(dns.servers)])
  const [domain] = dns.search
  if (domain !== undefined) options.push([option.domainName, new TextEncoder().encode(domain)])
  if (dns.search.length > 0 && asked(message, option.domainSearch))
    options.push([option.domainSearch, searchList(dns.search)])
  // A host that gets it does without IPv4, where it can. RFC 8925 section 3.3.
  if (v6OnlyPreferred !== undefined && asked(message, option.v6OnlyPreferred))
    options.push([option.v6OnlyPreferred, u32(v6OnlyPreferred)])
  return options
}

/** Names as DNS writes them. RFC 3397 section 2. */
export function searchList(names: readonly string[]): Uint8Array {
  const out = new Writer()
  for (const name of names) encodeName(name, out)
  return out.take()
}
