import type { OptionCodec } from './codec.ts'

/** How it went, for the message or for what contains it. RFC 9915 section 21.13. */
export interface StatusCode {
  readonly kind: 'status-code'
  readonly status: number
  readonly text: string
}

const toText = new TextDecoder()
const toBytes = new TextEncoder()

export const statusCode: OptionCodec<StatusCode> = {
  code: 13,
  encode: ({ status, text }, out) => void out.u16(status).bytes(toBytes.encode(text)),
  decode: body => ({ kind: 'status-code', status: body.u16(), text: toText.decode(body.bytes(body.left)) }),
}
