import { contains, halves, type Prefix, parseIp6, parsePrefix } from '../../appliance/base/ip6.ts'
import type { Host, HostRoute } from './host.ts'
import type { TwoSites } from './sites.ts'

/** A host's routes by which it reaches the whole /40: the /40 itself, on-link, or its two halves by the router. */
export async function networkRoutes(host: Host, { a }: TwoSites): Promise<HostRoute[]> {
  const network = a.place.networkPrefix
  const parts: readonly Prefix[] = [network, ...halves(network)]
  return (await host.routes()).filter(({ dst }) => {
    if (!dst.includes('/') || dst === 'default') return false
    const route = parsePrefix(dst)
    return parts.some(part => part.address === route.address && part.length === route.length)
  })
}

/** Routes as people read them: `fc9c:56c2:e300::/40 on-link`, the two halves by one router together. */
export function formatRoutes(routes: readonly HostRoute[]): string {
  const ways = Map.groupBy(routes, ({ gateway }) => (gateway ? `by ${gateway}` : 'on-link'))
  return [...ways].map(([way, parts]) => `${parts.map(({ dst }) => dst).join(' and ')} ${way}`).join(', ')
}

/** Whether an address, as text, lies in a prefix, as text. */
export function liesIn(prefix: string, address: string): boolean {
  return contains(parsePrefix(prefix), parseIp6(address))
}
