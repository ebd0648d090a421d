/** Options that hold one number each. */
import type { OptionCodec } from './codec.ts'

/** How much a server wants to be chosen, 0 to 255. RFC 9915 section 21.8. */
export interface Preference {
  readonly kind: 'preference'
  readonly value: number
}

/** How long the client has been trying, in hundredths of a second. RFC 9915 section 21.9. */
export interface ElapsedTime {
  readonly kind: 'elapsed-time'
  readonly hundredths: number
}

/** When to ask for configuration again, in seconds. RFC 9915 section 21.23. */
export type InformationRefreshTime = Seconds<'information-refresh-time'>

/** The longest interval between Solicits, in seconds. RFC 9915 section 21.24. */
export type SolMaxRt = Seconds<'sol-max-rt'>

/** The longest interval between Information-requests, in seconds. RFC 9915 section 21.25. */
export type InfMaxRt = Seconds<'inf-max-rt'>

interface Seconds<Kind extends string> {
  readonly kind: Kind
  readonly seconds: number
}

export const preference: OptionCodec<Preference> = {
  code: 7,
  encode: ({ value }, out) => void out.u8(value),
  decode: body => ({ kind: 'preference', value: body.u8() }),
}

export const elapsedTime: OptionCodec<ElapsedTime> = {
  code: 8,
  encode: ({ hundredths }, out) => void out.u16(hundredths),
  decode: body => ({ kind: 'elapsed-time', hundredths: body.u16() }),
}

export const informationRefreshTime = seconds(32, 'information-refresh-time')
export const solMaxRt = seconds(82, 'sol-max-rt')
export const infMaxRt = seconds(83, 'inf-max-rt')

function seconds<Kind extends string>(code: number, kind: Kind): OptionCodec<Seconds<Kind>> {
  return {
    code,
    lenient: true,
    encode: (option, out) => void out.u32(option.seconds),
    decode: body => ({ kind, seconds: body.u32() }),
  }
}
