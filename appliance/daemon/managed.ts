import { formatIp6, formatPrefix } from '../base/ip6.ts'
import type { OtherServer } from '../dhcp/lan-server.ts'
import type { OtherRouter } from '../ndp/other-routers.ts'

/** Other routers that send hosts to a DHCPv6 server which has not answered us: what that may cost a host of ours, as sentences. */
export function managedNotices(
  link: string,
  routers: readonly OtherRouter[],
  servers: readonly Pick<OtherServer, 'linkLocal' | 'mac'>[],
  ours: 'on' | 'off',
): string[] {
  const isServer = ({ linkLocal, mac }: OtherRouter) =>
    servers.some(server => server.linkLocal === linkLocal || (mac !== undefined && server.mac === mac))
  return routers
    .filter(router => router.managed && !isServer(router))
    .map(({ linkLocal, mac, prefixes }) => {
      const who = `the router ${formatIp6(linkLocal)}${mac === undefined ? '' : ` (${mac})`}`
      const whose = prefixes.length === 0 ? '' : `, which advertises ${prefixes.map(formatPrefix).join(', ')},`
      const found = ours === 'on' ? 'none but ours has answered' : 'none has answered us'
      const cost = 'a host that takes its address from another server has none of this site'
      const commit = ours === 'on' ? '; Rapid Commit is off meanwhile' : ''
      return `${who}${whose} sends hosts on ${link} to DHCPv6 (managed flag), and ${found}: ${cost}${commit}`
    })
}
