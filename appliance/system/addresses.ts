import { readFileSync } from 'node:fs'
import { fromHex } from '../base/bytes.ts'
import { fromBytes, type Ip6 } from '../base/ip6.ts'

/** The IPv6 addresses that the kernel holds on a link, by its index, as `/proc/net/if_inet6` has them: address, index, and more. */
export function heldAddresses(link: number, table = readFileSync('/proc/self/net/if_inet6', 'utf8')): ReadonlySet<Ip6> {
  const held = new Set<Ip6>()
  for (const line of table.split('\n')) {
    const [address, index] = line.split(' ')
    if (address?.length === 32 && Number.parseInt(index ?? '', 16) === link) held.add(fromBytes(fromHex(address)))
  }
  return held
}
