import { DecodeError } from '../../base/bytes.ts'
import { decodeName, encodeName } from '../../base/domain-name.ts'
import type { Ip6 } from '../../base/ip6.ts'
import { readAddresses, writeAddresses } from './addresses.ts'
import type { OptionCodec } from './codec.ts'

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

export const dnsServers: OptionCodec<DnsServers> = {
  code: 23,
  lenient: true,
  encode: ({ servers }, out) => writeAddresses(servers, out),
  decode: body => ({ kind: 'dns-servers', servers: readAddresses(body) }),
}

export const domainList: OptionCodec<DomainList> = {
  code: 24,
  lenient: true,

  encode({ names }, out) {
    for (const name of names) encodeName(name, out)
  },

  decode(body) {
    const names: string[] = []
    while (body.left > 0) {
      const { name, partial } = decodeName(body)
      if (partial) throw new DecodeError(`${name} in a search list without its end`)
      names.push(name)
    }
    return { kind: 'domain-list', names }
  },
}
