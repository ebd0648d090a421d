/** IPv4 for the hosts of a LAN, by DHCPv4 of our own. The words are Kea's where it has them. */
import * as z from 'zod'
import { fromHex, toHex, Writer } from '../base/bytes.ts'
import { encodeName } from '../base/domain-name.ts'
import {
  formatInterfaceAddress4,
  formatIp4,
  type InterfaceAddress4,
  type Ip4,
  isHostOf,
  lastOf4,
  network4,
  parseInterfaceAddress4,
  parseIp4,
} from '../base/ip4.ts'
import { parseMac } from '../base/mac.ts'
import { keysOf, problem } from './rules.ts'
import { domain, parsed } from './text.ts'

type Context = z.core.$RefinementCtx
interface Pool {
  readonly first: Ip4
  readonly last: Ip4
}

const mostAddresses = 16_384 // in a pool: it is looked through where it is nearly full
const longestOption = 255
const infinite = 0xffff_ffff
const seconds = z.int().min(1).max(infinite)

/** `192.168.8.100-192.168.8.199` or `192.168.8.128/25`. */
function parsePool(text: string): Pool {
  const [from, to, ...rest] = text.split('-').map(part => part.trim())
  if (to === undefined) {
    const prefix = parseInterfaceAddress4(text)
    if (prefix.address !== network4(prefix)) throw new Error(`${text} has bits set after its first ${prefix.length}`)
    return { first: prefix.address, last: lastOf4(prefix) }
  }
  const pool = { first: parseIp4(from!), last: parseIp4(to) }
  if (rest.length > 0 || pool.first > pool.last) throw new Error(`${text} is not a range of addresses`)
  return pool
}

function clientId(text: string): string {
  const bytes = fromHex(text)
  if (bytes.length < 2 || bytes.length > longestOption)
    throw new Error(`${text} is not a client id: pairs of hex digits`)
  return toHex(bytes, ':')
}

const address4 = parsed(parseIp4)

const reservation = z
  .strictObject({
    clientId: parsed(clientId).optional().describe('the host, by its client identifier in hex'),
    hwAddress: parsed(parseMac).optional().describe('the host, by its MAC'),
    hostname: domain.optional().describe('the host, by the name that it gives itself'),
    ipAddress: address4.describe('what it always gets'),
  })
  .superRefine(checkIdentity, { when: () => true })

const lifetimes = z
  .strictObject({
    valid: seconds.default(86_400).describe('seconds'),
    t1: seconds.optional().describe('seconds; half of valid unless given'),
    t2: seconds.optional().describe('seconds; seven eighths of valid unless given'),
  })
  .superRefine(checkTimes, { when: () => true })
  .transform(({ valid, t1, t2 }) => {
    const part = (share: number) => (valid === infinite ? infinite : Math.max(1, Math.floor(valid * share)))
    const rebind = t2 ?? Math.max(part(0.875), t1 ?? 0)
    return { valid, t1: t1 ?? Math.min(part(0.5), rebind), t2: rebind } // RFC 2131 section 4.4.5
  })

/** RFC 8925 section 3.4: hosts take less for this. */
const leastV6Only = 300

export const ipv4 = z
  .strictObject({
    address: parsed(parseInterfaceAddress4).describe("the router's own on this LAN, such as 192.168.8.1/24"),
    pool: parsed(parsePool).optional().describe('first-last or a prefix; all of the network unless given'),
    routers: z.array(address4).max(8).default([]).describe("the hosts' way to the internet; none unless given"),
    dns: z
      .strictObject({
        servers: z.array(address4).max(8).default([]).describe('IPv4 addresses of resolvers'),
        search: z.array(domain).max(16).default([]).describe('the first one is the domain of the hosts'),
      })
      .prefault({}),
    lifetimes: lifetimes.prefault({}),
    v6OnlyPreferred: z
      .int()
      .min(leastV6Only)
      .max(infinite)
      .optional()
      .describe('seconds that hosts which can do without IPv4 do so (option 108); not told unless given'),
    besideOthers: z.boolean().default(false).describe('give addresses although another DHCPv4 server is on the LAN'),
    reservations: z.array(reservation).max(4096).default([]).describe('what certain hosts always get'),
  })
  .superRefine(checkAddresses, { when: () => true })
  .transform(({ address, pool, v6OnlyPreferred, ...rest }) => ({
    ...rest,
    subnet: address,
    pool: pool ?? wholeOf(address),
    v6OnlyPreferred,
  }))

const wholeOf = (subnet: InterfaceAddress4): Pool => ({
  first: (network4(subnet) + 1) as Ip4,
  last: (lastOf4(subnet) - 1) as Ip4,
})

function checkIdentity(value: unknown, context: Context): void {
  const given = keysOf(value)
  const keys = ['clientId', 'hwAddress', 'hostname'].filter(key => given[key] !== undefined)
  if (keys.length === 0)
    problem(context, ['hwAddress'], 'is missing: a reservation needs a clientId, a hwAddress or a hostname')
  if (keys.length > 1)
    problem(context, [keys[1]!], `is one way too many to know the host by: there is a ${keys[0]} already`)
}

function checkTimes(value: unknown, context: Context): void {
  const times = keysOf(value)
  const order = ['t1', 't2', 'valid'].filter(key => typeof times[key] === 'number')
  for (const [i, key] of order.entries()) {
    const next = order[i + 1]
    if (next !== undefined && Number(times[key]) > Number(times[next]))
      problem(context, [key], `must not be longer than ${next} (${times[next]})`)
  }
}

const isSubnet = (value: unknown): value is InterfaceAddress4 => typeof keysOf(value)['length'] === 'number'
const isPool = (value: unknown): value is Pool => typeof keysOf(value)['last'] === 'number'

/** All of it lies in the network of the address, and nothing is given twice. */
function checkAddresses(value: unknown, context: Context): void {
  const { address: subnet, pool: given, reservations, dns } = keysOf(value)
  checkSearch(keysOf(dns)['search'], context)
  if (!isSubnet(subnet)) return
  const text = formatInterfaceAddress4(subnet)
  if (subnet.length > 30 || subnet.length < 8 || !isHostOf(subnet, subnet.address)) {
    problem(context, ['address'], `${text} is not the address of a host in a network of /8 to /30`)
    return
  }
  const pool = isPool(given) ? given : given === undefined ? wholeOf(subnet) : undefined
  if (pool && (pool.first < network4(subnet) || pool.last > lastOf4(subnet)))
    problem(context, ['pool'], `is not inside the network of ${text}`)
  else if (pool && pool.last - pool.first >= mostAddresses)
    problem(context, ['pool'], `must be given, of at most ${mostAddresses} addresses: ${text} has more`)
  const taken = new Map<unknown, number>()
  for (const [i, each] of (Array.isArray(reservations) ? reservations : []).entries()) {
    const { ipAddress } = keysOf(each)
    if (typeof ipAddress !== 'number') continue
    const at = ['reservations', i, 'ipAddress']
    const before = taken.get(ipAddress)
    if (ipAddress === subnet.address) problem(context, at, "is the router's own address")
    else if (!isHostOf(subnet, ipAddress as Ip4)) problem(context, at, `is not inside the network of ${text}`)
    else if (before !== undefined)
      problem(context, at, `${formatIp4(ipAddress as Ip4)} is reserved by reservations[${before}] already`)
    taken.set(ipAddress, i)
  }
}

/** One option holds all names. */
function checkSearch(search: unknown, context: Context): void {
  if (!Array.isArray(search)) return
  const out = new Writer()
  try {
    for (const name of search) encodeName(String(name), out)
  } catch {
    return // a name that is none has a problem of its own
  }
  if (out.length > longestOption)
    problem(context, ['dns', 'search'], `takes ${out.length} octets, and 255 are possible`)
}

/** No two LANs share a network, and a relay's LAN has none of ours. */
export function checkIpv4(value: unknown, context: Context): void {
  const known: { readonly i: number; readonly subnet: InterfaceAddress4 }[] = []
  for (const [i, entry] of (Array.isArray(value) ? value : []).entries()) {
    const { ipv4: own, relay } = keysOf(entry)
    if (own === undefined) continue
    if (relay !== undefined) problem(context, [i, 'ipv4'], 'has no meaning here: DHCPv4 by a relay is not served')
    const { subnet } = keysOf(own)
    if (!isSubnet(subnet)) continue
    const other = known.find(each => overlaps(each.subnet, subnet))
    if (other) problem(context, [i, 'ipv4', 'address'], `its network is that of lan[${other.i}] too`)
    known.push({ i, subnet })
  }
}

const overlaps = (a: InterfaceAddress4, b: InterfaceAddress4) => network4(a) <= lastOf4(b) && network4(b) <= lastOf4(a)
