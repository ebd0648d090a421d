/** Which rules of netfilter look at forwarded IPv6 packets: what goes past the stack would go past them. */
import { KernelError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { Attributes, encodeBody, type NetlinkMessage } from './codec.ts'
import { netfilterProtocol, RequestSocket, readLegacyTables } from './transport.ts'

/** struct nfgenmsg, linux/netfilter/nfnetlink.h: family 0, version 1, resource 2. */
const headerSize = 4
const getChain = (10 << 8) | 4 // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN
const attribute = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, USE: 6 } as const // enum nft_chain_attributes
const hookNumber = 1 // NFTA_HOOK_HOOKNUM
const forward = 2 // NF_INET_FORWARD
const families = new Map([
  [1, 'inet'], // NFPROTO_INET
  [10, 'ip6'], // NFPROTO_IPV6
])
const legacyTables = new Set(['filter', 'mangle', 'security']) // that hook into forwarding

/** The chains and tables that have something to say, each in a few words. Throws a KernelError where nobody can tell. */
export async function forwardRules(log: Log): Promise<string[]> {
  using requests = new RequestSocket(log, netfilterProtocol)
  const dump = requests.dump(getChain, encodeBody(new Uint8Array(headerSize), []), { op: 'dump', target: 'nftables' })
  const chains = await dump.catch(withoutNftables)
  return [
    ...chains.flatMap(({ data }) => decodeForwardChain(data) ?? []),
    ...readLegacyTables()
      .filter(table => legacyTables.has(table))
      .map(table => `ip6tables-legacy table ${table}`),
  ]
}

/** A chain that forwarded IPv6 packets go through and that has rules, or drops what no rule accepts; else undefined. */
export function decodeForwardChain(body: Buffer): string | undefined {
  const family = families.get(body.readUInt8(0))
  const attributes = new Attributes(body, headerSize)
  const hook = attributes.octets(attribute.HOOK)
  if (family === undefined || !hook) return undefined
  if (number(new Attributes(hook, 0).octets(hookNumber)) !== forward) return undefined
  const drops = number(attributes.octets(attribute.POLICY)) === 0
  if (number(attributes.octets(attribute.USE)) === 0 && !drops) return undefined
  return `${family} ${attributes.text(attribute.TABLE)} ${attributes.text(attribute.NAME)}`
}

/** Netfilter's numbers are in network order. */
function number(octets: Uint8Array | undefined): number | undefined {
  return octets?.length === 4 ? Buffer.from(octets).readUInt32BE() : undefined
}

/** A kernel without nftables has no rules of it. */
function withoutNftables(error: unknown): NetlinkMessage[] {
  if (error instanceof KernelError && ['EINVAL', 'ENOENT', 'EOPNOTSUPP', 'EPROTONOSUPPORT'].includes(error.errno))
    return []
  throw error
}
