import { formatIp6, formatPrefix } from '../base/ip6.ts'
import type { Format, ServedLan } from './plan-format.ts'

/** systemd.network(5), a file for each LAN. networkd advertises and has no DHCPv6 server. */
export const networkd: Format = {
  part: 'advertisements',
  comment: '#',
  place: 'a .network file for each LAN; in one that is there already, add these sections',
  text: lans => lans.map(file).join('\n'),
}

function file(lan: ServedLan): string {
  const { interface: name, plan, networkPrefix, dns, onLinkFor } = lan
  return `[Match]
Name=${name}

[Network]
IPv6SendRA=yes
# For this machine itself.
Address=${formatIp6(lan.spare)}/${plan.prefix.length}

[Route]
Destination=${formatPrefix(networkPrefix)}
Gateway=${formatIp6(plan.router)}

[IPv6SendRA]
# Hosts get their addresses by DHCPv6.
Managed=yes
OtherInformation=yes
# Leave this line out where this router is the hosts' way to the internet.
RouterLifetimeSec=0
${dns.servers.length === 0 ? 'EmitDNS=no' : `DNS=${dns.servers.map(formatIp6).join(' ')}`}
${dns.search.length === 0 ? 'EmitDomains=no' : `Domains=${dns.search.join(' ')}`}

# All sites, this LAN among them: of prefixes that lie in each other networkd advertises one. Hosts need no route: the router of
# siteplane answers their neighbour solicitations for other sites.
[IPv6Prefix]
Prefix=${formatPrefix(networkPrefix)}
OnLink=yes
AddressAutoconfiguration=no
PreferredLifetimeSec=${onLinkFor.network}
ValidLifetimeSec=${onLinkFor.network}
`
}
