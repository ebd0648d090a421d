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

/** How many sockets of this machine hear a group on a link, by its index, as `/proc/net/igmp6` has them: index, name, group, sockets, and more. */
export function listeners(link: number, group: Ip6, table = readFileSync('/proc/self/net/igmp6', 'utf8')): number {
  const address = group.toString(16).padStart(32, '0')
  const row = table
    .split('\n')
    .map(line => line.split(/\s+/))
    .find(each => Number(each[0]) === link && each[2] === address)
  return Number(row?.[3] ?? 0)
}
