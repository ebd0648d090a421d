import { toHex } from '../base/bytes.ts'
import type { Mac } from '../base/mac.ts'
import { hostnameIn, type Message4, option } from './message.ts'

/** Who sends a message. */
export interface Client4 {
  /** What leases are kept by: the client identifier, or the MAC where there is none or it says just that. RFC 2131 section 4.2. */
  readonly key: string
  readonly id: string | undefined // the identifier in hex with colons
  readonly mac: Mac
  readonly hostname: string | undefined
}

export function clientOf(message: Message4): Client4 {
  const { mac, options } = message
  const given = options.get(option.clientIdentifier)
  const id = given && given.length > 1 && given.length <= 255 ? toHex(given, ':') : undefined
  const isMac = id === undefined || id === `01:${mac}` // a boot loader often sends none, and the system after it this one
  return { key: isMac ? mac : `id ${id}`, id, mac, hostname: hostnameIn(message) }
}
