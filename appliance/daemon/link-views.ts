import type { KernelState } from '../netlink/kernel.ts'
import type { LinkView } from '../overlay/overlay.ts'

/** The links, as overlays look at them. */
export function linkViews({ links, addresses, sysctls }: KernelState): LinkView[] {
  const byLink = Map.groupBy(addresses, ({ link }) => link)
  return links.map(link => ({
    ...link,
    ipv6: sysctls.get(`ipv6/conf/${link.name}/disable_ipv6`) !== '1',
    addresses: byLink.get(link.index)?.map(({ address }) => address) ?? [],
  }))
}
