/** DHCPv6 options of the operator's own, in the words of Kea: a name or a code, a type, data, and whether all hosts get it. */
import * as z from 'zod'
import { fromHex } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { type Ip6, parseIp6, unspecified } from '../base/ip6.ts'
import { codeOf, dataTypes, knownOptions, refusal } from './dhcp-option-table.ts'
import { domain } from './text.ts'

function whole(bits: number): (text: string) => number {
  return text => {
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
    if (!(value < 2 ** bits)) throw new Error(`${text} is not a whole number from 0 to ${2 ** bits - 1}`)
    return value
  }
}

function boolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error(`${text} is neither true nor false`)
  return text === 'true'
}

function name(text: string): string {
  const { success, data } = domain.safeParse(text)
  if (!success) throw new Error(`${text} is not a domain name`)
  return data
}

/** A source of time is an address, a multicast group or a name. Throws an Error. */
export function parseTimeSource(text: string): Ip6 | string {
  if (!text.includes(':')) return name(text)
  const address = parseIp6(text)
  if (address === unspecified) throw new Error(`${text} can't be the address of a server`)
  return address
}

/** What a value of each type is, from the text in the file. Each throws an Error that says what is wrong with it. */
const parsers = {
  'ipv6-address': parseIp6,
  uint8: whole(8),
  uint16: whole(16),
  uint32: whole(32),
  boolean,
  string: (text: string) => text,
  fqdn: name,
  binary: fromHex,
  'ntp-server': parseTimeSource,
} as const
type Parsers = typeof parsers

/** What an option holds: values of its type, one after the other. */
export type OptionData =
  | { [T in keyof Parsers]: { readonly type: T; readonly values: readonly ReturnType<Parsers[T]>[] } }[keyof Parsers]
  | { readonly type: 'empty'; readonly values: readonly [] }

export interface OwnOption {
  readonly code: number
  readonly data: OptionData
  readonly alwaysSend: boolean
}

interface Input {
  readonly code?: number | undefined
  readonly name?: string | undefined
  readonly type?: (typeof dataTypes)[number] | undefined
  readonly data?: string | readonly string[] | undefined
  readonly alwaysSend: boolean
}

/** Tells a problem, by its path inside the option. */
type Tell = (path: readonly (string | number)[], message: string) => undefined

const mostOctets = 1000 // our own: beside the address, in an answer that every link carries whole

const knownNames = Object.values(knownOptions).map(option => option.name)

const text = z.string().max(2048)

export const ownOption = z
  .strictObject({
    code: z.int().min(1).max(65_535).optional().describe('the number of the option; not needed with a known name'),
    name: z
      .string()
      .optional()
      .describe(`${knownNames.join(', ')}; beside a code, any name`),
    type: z.enum(dataTypes).optional().describe('what each value is; not needed for a known option'),
    data: z
      .union([text, z.array(text).max(16)], { error: 'must be a value or a list of values' })
      .optional()
      .describe('a value, or a list of them; binary is hex digits'),
    alwaysSend: z.boolean().default(false).describe('to hosts that do not ask for it as well'),
  })
  .transform((input, context): OwnOption => {
    const tell: Tell = (path, message) => void context.issues.push({ code: 'custom', input, path: [...path], message })
    return optionOf(input, tell) ?? z.NEVER
  })

function optionOf(input: Input, tell: Tell): OwnOption | undefined {
  const code = input.code ?? codeOf(input.name ?? '')
  if (code === undefined) {
    if (input.name === undefined) return tell(['code'], 'is missing: an option needs its code, or a known name')
    return tell(['name'], `${input.name} is not a known option: give its code as well`)
  }
  const where = input.code === undefined ? 'name' : 'code'
  const named = codeOf(input.name ?? '')
  if (named !== undefined && named !== code) return tell(['code'], `${input.name} is option ${named}, not ${code}`)
  const refused = refusal(code)
  if (refused !== undefined) return tell([where], refused)
  const type = typeOf(code, input.type, tell)
  if (type === undefined) return undefined
  const data = dataOf(code, type, input.data, tell)
  return data && { code, data, alwaysSend: input.alwaysSend }
}

function typeOf(code: number, given: Input['type'], tell: Tell): OptionData['type'] | undefined {
  const known = knownOptions[code]
  if (!known) return given ?? tell(['type'], `is missing: what option ${code} holds is not known here`)
  if (given === undefined || given === known.type) return known.type
  if (given === 'binary') return given
  return tell(['type'], `option ${code} is ${known.name}, whose type is ${known.type}: leave it out, or give binary`)
}

function dataOf(code: number, type: OptionData['type'], given: Input['data'], tell: Tell): OptionData | undefined {
  if (type === 'empty') {
    if (given !== undefined) return tell(['data'], `must be left out: option ${code} is empty`)
    return { type, values: [] }
  }
  if (given === undefined || given.length === 0) return tell(['data'], 'is missing')
  const values: unknown[] = []
  let failed = false
  for (const [i, text] of (typeof given === 'string' ? [given] : given).entries()) {
    try {
      values.push(parsers[type](text))
    } catch (error) {
      tell(typeof given === 'string' ? ['data'] : ['data', i], messageOf(error))
      failed = true
    }
  }
  if (failed) return undefined
  const data = { type, values } as OptionData
  const size = sizeOf(data)
  return size <= mostOctets ? data : tell(['data'], `is ${size} octets long, and only ${mostOctets} fit into an answer`)
}

/** Octets on the wire; of sources of time without their headers. */
function sizeOf({ type, values }: OptionData): number {
  switch (type) {
    case 'ipv6-address':
      return values.length * 16
    case 'uint8':
    case 'boolean':
      return values.length
    case 'uint16':
      return values.length * 2
    case 'uint32':
      return values.length * 4
    case 'empty':
      return 0
    case 'fqdn':
    case 'ntp-server':
      return values.reduce<number>((sum, value) => sum + octetsOf(value) + 2, 0)
    default:
      return values.reduce<number>((sum, value) => sum + octetsOf(value), 0)
  }
}

function octetsOf(value: string | Uint8Array | Ip6): number {
  if (typeof value === 'bigint') return 16
  return typeof value === 'string' ? new TextEncoder().encode(value).length : value.length
}
