/** The options that tell a client of its lease and its network. */
import { Writer } from '../base/bytes.ts'
import { encodeName } from '../base/domain-name.ts'
import { type Ip4, ip4Bytes, lastOf4, mask4 } from '../base/ip4.ts'
import { asked, type Message4, option } from './message.ts'
import type { Scope4 } from './scope.ts'

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
