/** Reservations: what a host of a LAN always gets. The words are those of Kea's host reservations. */
import * as z from 'zod'
import { parseIp6, parsePrefix } from '../base/ip6.ts'
import { parseMac } from '../base/mac.ts'
import { ownOption } from './dhcp-option.ts'
import { checkOwnOptions, keysOf, problem } from './rules.ts'
import { dns, ntp } from './servers.ts'
import { domain, parsed } from './text.ts'

/** The octets of a DUID as lower-case hex with colons. */
function duid(text: string): string {
  if (!/^[0-9a-f]{2}(:?[0-9a-f]{2}){2,129}$/i.test(text)) throw new Error(`${text} is not a DUID: pairs of hex digits`)
  return text
    .toLowerCase()
    .replaceAll(':', '')
    .replace(/..(?!$)/g, '$&:')
}

export const reservation = z
  .strictObject({
    duid: parsed(duid).optional().describe('the host, by its DUID'),
    iaid: z.int().min(0).max(0xffff_ffff).optional().describe('beside duid: one IA of it alone'),
    hwAddress: parsed(parseMac).optional().describe('the host, by its MAC'),
    hostname: domain.optional().describe('its name; alone: the host, by the name that it gives itself'),
    ipAddresses: z
      .array(parsed(parseIp6))
      .max(16)
      .default([])
      .describe('addresses, whole or as the last bits in the LAN such as ::5'),
    prefixes: z.array(parsed(parsePrefix)).max(16).default([]).describe('prefixes in ::c000:0:0/82'),
    dns: dns.prefault({}),
    ntp: ntp.prefault({}),
    options: z.array(ownOption).max(64).default([]).describe("in the place of the LAN's with the same codes"),
  })
  .superRefine(checkIdentity, { when: () => true })
  .superRefine(checkOwnOptions, { when: () => true })

/** One way to know the host, and something to give it. */
function checkIdentity(value: unknown, context: z.core.$RefinementCtx): void {
  const { duid, iaid, hwAddress, hostname } = keysOf(value)
  if (duid !== undefined && hwAddress !== undefined)
    problem(context, ['hwAddress'], 'is one way too many to know the host by: there is a duid already')
  if (iaid !== undefined && duid === undefined) problem(context, ['iaid'], 'needs a duid beside it')
  if (duid === undefined && hwAddress === undefined && hostname === undefined)
    problem(context, ['duid'], 'is missing: a reservation needs a duid, a hwAddress or a hostname')
}
