/** Options by which a server may ask a client to renew at once, and by which the client knows that it was this server. */
import type { OptionCodec } from './codec.ts'

/** Who vouches for a message, and how. RFC 9915 section 21.11. */
export interface Authentication {
  readonly kind: 'authentication'
  readonly protocol: number
  readonly algorithm: number
  readonly replayMethod: number // RDM
  readonly replay: bigint // 64 bits
  readonly information: Uint8Array
}

/** The message that the client is to send: 5 Renew, 6 Rebind, 11 Information-request. RFC 9915 section 21.19. */
export interface ReconfigureMessage {
  readonly kind: 'reconfigure-message'
  readonly type: number
}

export const authentication: OptionCodec<Authentication> = {
  code: 11,
  encode: ({ protocol, algorithm, replayMethod, replay, information }, out) => {
    out.u8(protocol).u8(algorithm).u8(replayMethod)
    out
      .u32(Number(replay >> 32n))
      .u32(Number(replay & 0xffff_ffffn))
      .bytes(information)
  },
  decode: body => ({
    kind: 'authentication',
    protocol: body.u8(),
    algorithm: body.u8(),
    replayMethod: body.u8(),
    replay: (BigInt(body.u32()) << 32n) | BigInt(body.u32()),
    information: body.bytes(body.left).slice(),
  }),
}

export const reconfigureMessage: OptionCodec<ReconfigureMessage> = {
  code: 19,
  lenient: true, // it has no business in what clients send
  encode: ({ type }, out) => void out.u8(type),
  decode: body => ({ kind: 'reconfigure-message', type: body.u8() }),
}
