import { formatIp6 } from '../base/ip6.ts'
import { type Format, ownWay, type ServedLan } from './plan-format.ts'

/** dnsmasq.conf, its DHCPv6 part. Its advertisements can't say that the /40 is on-link, so those are left to siteplane or radvd. */
export const dnsmasq: Format = {
  part: 'addresses',
  comment: '#',
  place: 'dnsmasq.conf; without enable-ra, since dnsmasq can not advertise the /40: siteplane does, or radvd',
  text: lans => lans.map(lanLines).join('\n'),
}

function lanLines(lan: ServedLan): string {
  const { interface: name, plan, leases, dns, reservations } = lan
  const { first, last } = plan.dynamic
  const option = (what: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`dhcp-option=tag:${name},option6:${what},${values.join(',')}`]
  const lines = [
    `interface=${name}`,
    `dhcp-range=set:${name},${formatIp6(first)},${formatIp6(last)},${plan.prefix.length},${leases.valid}`,
    ...option('dns-server', dns.servers.map(bracketed)),
    ...option('domain-search', dns.search),
    ...reservations.map(({ duid, mac, hostname, addresses }) =>
      [
        `dhcp-host=${duid === undefined ? mac : `id:${duid}`}`,
        ...addresses.map(bracketed),
        ...(hostname ? [hostname] : []),
      ].join(','),
    ),
    '# dnsmasq serves a prefix that this machine has an address in:',
    ...ownWay(lan).map(line => `# ${line}`),
  ]
  return `${lines.join('\n')}\n`
}

const bracketed = (address: Parameters<typeof formatIp6>[0]): string => `[${formatIp6(address)}]`
