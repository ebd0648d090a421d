import { formatIp6, formatPrefix, type Prefix } from '../base/ip6.ts'
import { type Format, ownWay, type ServedLan } from './plan-format.ts'

/** radvd.conf(5). The lines of a LAN go into the block that its interface has, where it has one. */
export const radvd: Format = {
  part: 'advertisements',
  comment: '#',
  place: 'radvd.conf; an interface has one block, so where it has one already, add what is in this one',
  text: lans => lans.map(interfaceBlock).join('\n'),
}

function interfaceBlock(lan: ServedLan): string {
  const { dns, mtu } = lan
  return `interface ${lan.interface} {
  AdvSendAdvert on;
  AdvManagedFlag on; # hosts get their addresses by DHCPv6
  AdvOtherConfigFlag on;
  AdvDefaultLifetime 0; # leave this line out where this router is the hosts' way to the internet
${mtu === undefined ? '' : `  AdvLinkMTU ${mtu};\n`}\
  # The hosts of this LAN, which reach each other directly.
${prefixBlock(lan.plan.prefix, lan.onLinkFor.lan)}\
  # All sites. Hosts need no route: the router of siteplane answers their neighbour solicitations.
${prefixBlock(lan.networkPrefix, lan.onLinkFor.network)}\
${dns.servers.length === 0 ? '' : `  RDNSS ${dns.servers.map(formatIp6).join(' ')} { };\n`}\
${dns.search.length === 0 ? '' : `  DNSSL ${dns.search.join(' ')} { };\n`}\
};
# For this machine itself:
${ownWay(lan)
  .map(line => `# ${line}\n`)
  .join('')}`
}

const prefixBlock = (prefix: Prefix, seconds: number): string => `  prefix ${formatPrefix(prefix)} {
    AdvOnLink on;
    AdvAutonomous off;
    AdvValidLifetime ${seconds};
    AdvPreferredLifetime ${seconds};
  };
`
