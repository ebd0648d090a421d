/** Servers that hosts are told of. */
import * as z from 'zod'
import { isMulticast, parseIp6, unspecified } from '../base/ip6.ts'
import { parseTimeSource } from './dhcp-option.ts'
import { domain, parsed } from './text.ts'

/** The address of a server. */
export const server = parsed(text => {
  const address = parseIp6(text)
  if (address === unspecified || isMulticast(address)) throw new Error(`${text} can't be the address of a server`)
  return address
})

export const dns = z.strictObject({
  servers: z.array(server).max(16).default([]).describe('IPv6 addresses of resolvers'),
  search: z.array(domain).max(16).default([]).describe('domain names that hosts complete short names with'),
})

export const ntp = z.strictObject({
  servers: z
    .array(parsed(parseTimeSource))
    .max(16)
    .default([])
    .describe('IPv6 addresses (multicast groups too) or names of time servers'),
})
