/** The world as a LAN sees it: its networks, its link, and what is missing of them. */
import { type Ip6, isLinkLocal, type Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { Address, Link } from '../netlink/kernel.ts'
import { type LanPlan, lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import type { NetworkId } from '../plane/sixplane.ts'

/** One network to a LAN that is in it. */
export interface LanNetwork {
  readonly network: NetworkId
  readonly site: Site | undefined
  readonly previous: Site | undefined // another site we were: its prefix is withdrawn
  readonly former: Site | undefined // the same, while hosts reach each other by addresses of then
  readonly networkReachable: boolean // false: tell the hosts that the /40 is gone
  readonly answeredInKernel: boolean // a program answers this LAN's solicitations for the /40
  /** Whether the kernel's addresses and routes stand: hosts are told of them only then. RFC 4191 section 4. */
  readonly inStep: boolean
}

export interface LanWorld {
  readonly networks: readonly LanNetwork[] // that the LAN is in, in the order of the configuration
  readonly gone: readonly Site[] // of networks that the LAN was in: withdrawn at a start
  readonly links: readonly Link[]
  readonly overlays: readonly string[] // the names of their interfaces, of all of this machine
  readonly addresses: readonly Address[]
  readonly autonomous: (name: string) => Prefix | undefined // what hosts of a LAN may make addresses of
}

/** A network whose prefix is known, and the LAN's part of it. */
export interface PlacedNetwork extends LanNetwork {
  readonly site: Site
  readonly plan: LanPlan
}

export function placedIn({ networks }: LanWorld, subnet: number | undefined): PlacedNetwork[] {
  return networks.flatMap(each =>
    each.site ? [{ ...each, site: each.site, plan: lanPlan(each.site.sitePrefix, subnet) }] : [],
  )
}

/** A link that everything stands ready on. */
export interface ReadyLink {
  readonly name: string
  readonly index: number
  readonly mac: Mac
  readonly linkLocal: Ip6
}

/**
 * The link to serve on, or the clause that says what is missing. Of several link-locals the one in use stays, since hosts have
 * routes through it; otherwise the first.
 */
export function readiness(name: string, world: LanWorld, inUse?: Ip6): ReadyLink | string {
  const { networks, links } = world
  // Members of the network must not hear our advertisements.
  if (world.overlays.includes(name)) return `for an interface of its own: ${name} is that of the overlay`
  const link = links.find(each => each.name === name)
  if (!link) return `for interface ${name}, which does not exist`
  if (link.mac === undefined) return `for an Ethernet interface: ${name} has no link-layer address`
  if (!link.up) return `for interface ${name} to be set up: ip link set ${name} up`
  if (!link.carrier) return `for a cable on ${name}: it has no carrier`
  const candidates = world.addresses.filter(each => each.link === link.index && isLinkLocal(each.address))
  const usable = candidates.filter(each => !each.tentative && !each.dadFailed)
  const linkLocal = usable.find(each => each.address === inUse) ?? usable[0]
  if (!linkLocal) {
    const why = candidates.some(each => each.dadFailed) ? ': another host uses the one it has' : ''
    return `for a link-local address on ${name}${why}`
  }
  if (!networks.some(({ site }) => site)) return 'for the site: the overlay does not say yet which prefix it has'
  return { name, index: link.index, mac: link.mac, linkLocal: linkLocal.address }
}
