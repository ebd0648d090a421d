/** LANs behind a router on another LAN, whose relay speaks for their hosts. */
import * as z from 'zod'
import { messageOf } from '../base/errors.ts'
import { type Ip6, isMulticast, parseIp6 } from '../base/ip6.ts'
import { keysOf, problem } from './rules.ts'

const hostPart = 1n << 48n // the host bits of a /80: below it an address stands for those bits alone
const router = 1n // ::1, which is ours

/** `::2` is relative to the prefix of the LAN, so that it outlives a change of the site's prefix. */
const address = z.string().transform((text, context): Ip6 => {
  const refuse = (message: string) => {
    context.issues.push({ code: 'custom', input: text, message })
    return z.NEVER
  }
  try {
    const parsed = parseIp6(text)
    if (isMulticast(parsed) || parsed <= router) return refuse(`${text} can't be the address of a relay`)
    return parsed
  } catch (error) {
    return refuse(messageOf(error))
  }
})

export const relay = z.strictObject({
  address: address.describe("the router's address on the LAN of this interface: fe80::…, or ::2 for its last bits"),
  sources: z.array(address).max(16).default([]).describe('further addresses that its messages come from'),
  linkAddresses: z
    .array(address)
    .max(16)
    .default([])
    .describe('addresses it has in the segment, where they are not of its /88'),
})

/** An address of a relay under the prefix that its LAN has now. */
export function underPrefix(address: Ip6, prefix: Ip6): Ip6 {
  return address < hostPart ? ((prefix + address) as Ip6) : address
}

/** What a LAN behind a relay can't have, and what it can't be without. `unsaid` is what `advertise` is where nothing is said. */
export const checkRelays = (unsaid: unknown) => (value: unknown, context: z.core.$RefinementCtx) => {
  if (!Array.isArray(value)) return
  const entries = value.map(keysOf)
  for (const [i, entry] of entries.entries()) {
    if (entry['relay'] === undefined) continue
    const name = entry['interface']
    if (entry['subnet'] === undefined)
      problem(context, [i], 'needs a subnet (0 to 63): only a LAN without relay may be without')
    if (JSON.stringify(entry['advertise']) !== JSON.stringify(unsaid))
      problem(context, [i, 'advertise'], 'has no meaning here: behind a relay the router of the LAN advertises')
    checkServer(entry['dhcpv6'], i, String(name), context)
    const own = entries.find(each => each['interface'] === name && each['relay'] === undefined)
    if (own?.['dhcpv6'] === 'off' && entry['dhcpv6'] !== 'off')
      problem(context, [i], `needs dhcpv6: off, or that of the LAN on ${name} on: its relay is heard there`)
    if (typeof name === 'string' && !own)
      problem(context, [i, 'relay'], `needs the LAN that the relay stands on: no other LAN is on ${name}`)
  }
}

/** What our DHCPv6 server can do on its own link alone. */
function checkServer(dhcpv6: unknown, lan: number, name: string, context: z.core.$RefinementCtx): void {
  const { probe, leasequery } = keysOf(dhcpv6)
  const { requesters } = keysOf(leasequery)
  if (probe === true)
    problem(context, [lan, 'dhcpv6', 'probe'], 'has no meaning here: hosts behind a relay can not be asked')
  if (Array.isArray(requesters) && requesters.length > 0) {
    const path = [lan, 'dhcpv6', 'leasequery', 'requesters']
    problem(context, path, `belongs to the LAN on ${name}: questions are heard there, about this LAN too`)
  }
}
