import { bytesOf, type Ip6 } from './ip6.ts'

/** Adds 16-bit words to a running sum; an odd last octet counts as the high half of a word. RFC 1071 section 1. */
export function sumWords(bytes: Uint8Array, sum = 0): number {
  let total = sum
  const even = bytes.length & ~1
  for (let i = 0; i < even; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!
  if (even < bytes.length) total += bytes[even]! << 8
  return total
}

function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000)
  return folded
}

/**
 * The checksum of an upper-layer message, pseudo-header included; its checksum field must be zero, or the result is 0 for a
 * message that is intact. RFC 8200 section 8.1.
 */
export function checksum(source: Ip6, destination: Ip6, nextHeader: number, message: Uint8Array): number {
  const pseudo = sumWords(bytesOf(source), sumWords(bytesOf(destination), message.length + nextHeader))
  return ~fold(sumWords(message, pseudo)) & 0xffff
}

/** The checksum over a sum of words. RFC 1071 section 1. */
export const ipChecksum = (sum: number): number => ~fold(sum) & 0xffff
