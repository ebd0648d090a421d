import { decodeName, encodeName } from '../../base/domain-name.ts'
import type { OptionCodec } from './codec.ts'

/** The client's name: flags as on the wire; `partial` is a name that its domain is still to be added to. RFC 4704 section 4. */
export interface ClientFqdn {
  readonly kind: 'client-fqdn'
  readonly flags: number
  readonly name: string
  readonly partial: boolean
}

export const clientFqdn: OptionCodec<ClientFqdn> = {
  code: 39,
  lenient: true,
  encode: ({ flags, name, partial }, out) => encodeName(name, out.u8(flags), partial),
  decode: body => ({ kind: 'client-fqdn', flags: body.u8(), ...decodeName(body) }),
}
