import type { OptionCodec } from './codec.ts'

/** The codes of options that the client would like. RFC 9915 section 21.7. */
export interface OptionRequest {
  readonly kind: 'option-request'
  readonly codes: readonly number[]
}

export const optionRequest: OptionCodec<OptionRequest> = {
  code: 6,

  encode({ codes }, out) {
    for (const code of codes) out.u16(code)
  },

  decode(body) {
    const codes: number[] = []
    while (body.left > 0) codes.push(body.u16())
    return { kind: 'option-request', codes }
  },
}
