import { type Duid, duidBytes, duidFromBytes } from '../duid.ts'
import type { OptionCodec } from './codec.ts'

/** The client's identifier. RFC 9915 section 21.2. */
export interface ClientId {
  readonly kind: 'client-id'
  readonly duid: Duid
}

/** The server's identifier. RFC 9915 section 21.3. */
export interface ServerId {
  readonly kind: 'server-id'
  readonly duid: Duid
}

export const clientId: OptionCodec<ClientId> = {
  code: 1,
  encode: ({ duid }, out) => void out.bytes(duidBytes(duid)),
  decode: body => ({ kind: 'client-id', duid: duidFromBytes(body.bytes(body.left)) }),
}

export const serverId: OptionCodec<ServerId> = {
  code: 2,
  encode: ({ duid }, out) => void out.bytes(duidBytes(duid)),
  decode: body => ({ kind: 'server-id', duid: duidFromBytes(body.bytes(body.left)) }),
}
