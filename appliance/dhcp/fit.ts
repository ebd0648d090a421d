import { Writer } from '../base/bytes.ts'
import { encodeMessage, type Message } from './message.ts'
import { encodeOptions } from './options.ts'

/** What a packet of 1280 octets, which every link carries whole, has room for after IPv6 and UDP. RFC 8200 section 5. */
export const mostOctets = 1232

/**
 * A reply as bytes. Where it would be longer than `most`, those of its last `optional` options that don't fit are left out, the
 * first ones being the dearest; the rest may be as long as it likes, since UDP can be fragmented.
 */
export function encodeFitting(
  reply: Message,
  optional: number,
  most: number,
): { readonly bytes: Uint8Array; readonly leftOut: number } {
  const whole = encodeMessage(reply)
  if (whole.length <= most || optional === 0) return { bytes: whole, leftOut: 0 }
  const needed = reply.options.slice(0, -optional)
  const kept = [...needed]
  let length = encodeMessage({ ...reply, options: needed }).length
  for (const option of reply.options.slice(-optional)) {
    const out = new Writer()
    encodeOptions([option], out)
    if (length + out.length > most) continue
    length += out.length
    kept.push(option)
  }
  return { bytes: encodeMessage({ ...reply, options: kept }), leftOut: reply.options.length - kept.length }
}
