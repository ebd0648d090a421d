import * as z from 'zod'
import { messageOf } from '../base/errors.ts'

/** Runs a parser of base/ or plane/ and turns what it throws into a problem of the file. */
export function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.issues.push({ code: 'custom', input: text, message: messageOf(error) })
      return z.NEVER
    }
  })
}

/** A name the kernel takes for an interface. */
export const interfaceName = z
  .string()
  .regex(/^(?!\.{1,2}$)[^\s/:%]{1,15}$/, 'must be an interface name: 1 to 15 characters, no slash, colon or space')
  .refine(name => !['lo', 'all', 'default'].includes(name), 'must be the interface of a network, which this is not')

/** An absolute path. */
export const path = z.string().regex(/^\/[^\0]*$/, 'must be a path that starts with /')

/** A domain name, lower case and without the dot at its end. RFC 1035 section 2.3.1. */
export const domain = z
  .string()
  .transform(text => text.toLowerCase().replace(/\.$/, ''))
  .refine(
    text => text.length <= 253 && text.split('.').every(label => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)),
    'must be a domain name: labels of 1 to 63 letters, digits and hyphens with dots between them',
  )

/** Where the API listens on TCP. */
export type Listen = { readonly host: string; readonly port: number } | 'off'

const listenText = z.string({
  error: ({ input }) => (Array.isArray(input) ? 'must stand in quotes, since [ begins a list' : undefined),
})

/** `127.0.0.1:8680`, `[::1]:8680` or `off`. */
export const listen = listenText.transform((text, context): Listen => {
  if (text === 'off') return text
  const match = /^(?:\[([0-9a-f:.]+)\]|(\d+\.\d+\.\d+\.\d+|localhost)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65_535 || !plausibleHost(match)) {
    const message = `must be address:port, [IPv6 address]:port or off, not ${text}`
    context.issues.push({ code: 'custom', input: text, message })
    return z.NEVER
  }
  return { host: match[1] ?? match[2]!, port }
})

function plausibleHost([, ip6, ip4]: RegExpExecArray): boolean {
  return z.union([z.ipv4(), z.ipv6(), z.literal('localhost')]).safeParse(ip6 ?? ip4).success
}
