/** A list of addresses that fills an option. */
import type { Reader, Writer } from '../../base/bytes.ts'
import { bytesOf, fromBytes, type Ip6 } from '../../base/ip6.ts'

export function writeAddresses(addresses: readonly Ip6[], out: Writer): void {
  for (const address of addresses) out.bytes(bytesOf(address))
}

/** Throws a DecodeError where the last one is cut off. */
export function readAddresses(body: Reader): Ip6[] {
  const addresses: Ip6[] = []
  while (body.left > 0) addresses.push(fromBytes(body.bytes(16)))
  return addresses
}
