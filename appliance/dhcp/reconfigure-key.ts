/**
 * The Reconfigure Key Authentication Protocol: the server gives the client a key in a Reply, and a later Reconfigure proves by it
 * that it is the server's. Whoever saw the Reply can do the same; more is not promised. RFC 9915 section 20.4.
 */
import { createHmac } from 'node:crypto'
import type { Duid } from './duid.ts'
import { encodeMessage, MessageType } from './message.ts'
import type { Option } from './options.ts'

/** RFC 9915 section 20.4.1. */
const rkap = { protocol: 3, algorithm: 1, replayMethod: 0 } as const
const carries = { key: 1, digest: 2 } as const
export const keyLength = 16

/** What a Reply to a client that has no key yet says. */
export function keyOption(key: Uint8Array, replay: bigint): Option {
  return { kind: 'authentication', ...rkap, replay, information: Uint8Array.of(carries.key, ...key) }
}

/** What a Reconfigure says, and to whom. */
export interface Reconfigure {
  readonly server: Duid
  readonly client: Duid
  readonly type: number // of the message that the client is to send
  readonly key: Uint8Array
  readonly replay: bigint // more than in any message to the client before
}

/** The whole message; the digest, its last octets, is made over all of it with 0 in their place. RFC 9915 section 18.3.11. */
export function encodeReconfigure({ server, client, type, key, replay }: Reconfigure): Uint8Array {
  const information = new Uint8Array(1 + keyLength)
  information[0] = carries.digest
  const bytes = encodeMessage({
    type: MessageType.reconfigure,
    transaction: 0,
    options: [
      { kind: 'client-id', duid: client },
      { kind: 'server-id', duid: server },
      { kind: 'reconfigure-message', type },
      { kind: 'authentication', ...rkap, replay, information },
    ],
  })
  bytes.set(createHmac('md5', key).update(bytes).digest(), bytes.length - keyLength)
  return bytes
}
