import { contains, formatPrefix, type Prefix } from '../base/ip6.ts'
import type { OtherRouter } from '../ndp/other-routers.ts'

interface Wanted {
  readonly prefixes: readonly Prefix[] // the LAN's own, and those of all sites
  readonly ownServer: boolean // hosts are to ask our DHCPv6 server
}

/** What hosts of a LAN don't hear, where other routers advertise in our place and these are all that do. Clauses. */
export function unadvertised(routers: readonly OtherRouter[], wanted: Wanted): string[] {
  const faults: string[] = []
  const missing = wanted.prefixes.filter(
    prefix => !routers.some(({ prefixes }) => prefixes.some(each => contains(each, prefix))),
  )
  const nobody = 'advertise is off, and no other router does'
  if (missing.length > 0)
    faults.push(
      `hosts are not told that ${missing.map(formatPrefix).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} on-link: ${nobody} (siteplane plan --format radvd prints what it has to say)`,
    )
  if (wanted.ownServer && !routers.some(({ managed }) => managed))
    faults.push(`hosts are not told to ask our DHCPv6 server: ${nobody} so with the managed flag`)
  return faults
}
