import { DecodeError, Reader, Writer } from '../base/bytes.ts'
import { decodeOptions, encodeOptions, type Option } from './options.ts'

/** Message types. RFC 9915 section 7.3, RFC 5007 section 4.1.1, RFC 9686 section 4.2. */
export const MessageType = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13,
  leasequery: 14,
  leasequeryReply: 15,
  registration: 36, // ADDR-REG-INFORM
  registrationReply: 37, // ADDR-REG-REPLY
} as const

/** What clients and servers say to each other. RFC 9915 section 8. */
export interface Message {
  readonly type: number
  readonly transaction: number // 24 bits, chosen by the client
  readonly options: readonly Option[]
}

/** Throws a DecodeError. Relay messages have another header (relay-message.ts) and are refused here. */
export function decodeMessage(bytes: Uint8Array): Message {
  const body = new Reader(bytes)
  const type = body.u8()
  if (type === MessageType.relayForward || type === MessageType.relayReply)
    throw new DecodeError('a relay message where one of a client must be')
  return { type, transaction: body.u24(), options: decodeOptions(body) }
}

export function encodeMessage({ type, transaction, options }: Message): Uint8Array {
  const out = new Writer()
  out.u8(type).u24(transaction)
  encodeOptions(options, out)
  return out.take()
}
