import { expect } from 'vitest'
import { ConfigError } from '../../../appliance/base/errors.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import type { Config } from '../../../appliance/config/schema.ts'

/** The least that works. */
export const least = `overlay:
  network: "8056c2e21c000001"
lan:
  - interface: eth1
`

/** The problems of a file, line by line; none for a good one. */
export function problems(text: string): string[] {
  try {
    parseConfig('f.yaml', text)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message.split('\n')
  }
}

/** The LAN of a file whose LAN has these keys besides. */
export const lan = (keys: string) => `overlay: {network: "8056c2e21c000001"}\nlan:\n  - interface: eth1\n${keys}`

/** The settings of the DHCPv6 server of the first LAN, which must not be off. */
export function serverOf({ lan: [first] }: Config): Exclude<Config['lan'][number]['dhcpv6'], 'off'> {
  if (!first || first.dhcpv6 === 'off') throw new Error('the DHCPv6 server is off')
  return first.dhcpv6
}
