import { messageOf } from '../base/errors.ts'
import { formatIp6, type Ip6, parseIp6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { type Site, siteOf } from '../plane/site.ts'
import { formatNetworkId, type NetworkId, parseNodeAddress, rfc4193Address } from '../plane/sixplane.ts'
import type { LinkView, OverlayReport, OverlayState } from './overlay.ts'

/** What a visit to the local API brought home. */
export type Visit =
  | { readonly kind: 'no-service' | 'bad-token'; readonly reason: string }
  | {
      readonly kind: 'answered'
      readonly status: Status
      readonly member: Member | undefined
      readonly remembered: boolean // it has the network among those that it joins when it starts
    }

/** `GET /status`, as far as it matters. */
export interface Status {
  readonly address: string // 10 hex digits
  readonly version: string
  readonly online: boolean // it reaches a root server
}

/** `GET /network/<id>`, as far as it matters; there is none where the node has not joined, or has no interface for it. */
export interface Member {
  readonly status: string
  readonly portDeviceName: string
  readonly portError: number
  readonly assignedAddresses: readonly string[]
  readonly allowManaged: boolean
  readonly mtu?: number | undefined
}

type Finding = { readonly state: Exclude<OverlayState, 'ok'>; readonly reason: string } | undefined

/**
 * The report that follows from a visit and, where they are known, the links of the machine. `known` is who this node was when it
 * was last told.
 */
export function judge(
  network: NetworkId,
  visit: Visit,
  links: readonly LinkView[] | undefined,
  known?: Site,
): OverlayReport {
  const base = { kind: 'zerotier', network, carries: false, notices: [] } as const
  if (visit.kind !== 'answered') return unasked({ ...base, state: visit.kind, reason: visit.reason }, links, known)

  let site: Site
  try {
    site = siteOf(network, parseNodeAddress(visit.status.address))
  } catch (error) {
    return { ...base, state: 'no-service', reason: `ZeroTier tells a node address that can't be: ${messageOf(error)}` }
  }
  const { member } = visit
  const own = rfc4193Address(network, site.node)
  const told = {
    ...base,
    node: site.node,
    site,
    ...(member?.portDeviceName && { interface: member.portDeviceName }),
    ...(member?.assignedAddresses.some(text => isAddress(text, own)) && { rfc4193Address: own }),
  }
  const finding = membership(site, visit) ?? interfaceOf(member!.portDeviceName, site.mac, links)
  if (finding) return { ...told, ...finding }
  return { ...told, state: 'ok', carries: true, notices: noticesOf(site, visit.status, member!, links) }
}

/**
 * ZeroTier's interface goes with its process, however that ends: while one has the MAC of who we were, packets pass, though the local API
 * may hang for minutes.
 */
function unasked(report: OverlayReport, links: readonly LinkView[] = [], known?: Site): OverlayReport {
  const link = known && links.find(({ mac }) => mac === known.mac)
  if (!known || !link?.up || !link.carrier || link.ipv6 === false) return report
  return { ...report, carries: true, node: known.node, site: known, interface: link.name }
}

const tunnelDriver = 'see that /dev/net/tun is there (modprobe tun), then systemctl restart zerotier-one'

function membership(site: Site, { status, member, remembered }: Visit & { kind: 'answered' }): Finding {
  const id = formatNetworkId(site.network)
  if (!member && remembered) {
    // ZeroTier 1.10 and newer tell of no network that has no interface; in older ones its status is PORT_ERROR.
    const reason = `ZeroTier has joined ${id} and has no interface for it: if it stays so, ${tunnelDriver}`
    return { state: 'no-interface', reason }
  }
  if (!member) return { state: 'not-joined', reason: `this node has not joined the network: zerotier-cli join ${id}` }
  switch (member.status) {
    case 'OK':
      return addresses(site, member, id)
    case 'REQUESTING_CONFIGURATION':
      return { state: 'unauthorised', reason: unanswered(id, status) }
    case 'AUTHENTICATION_REQUIRED':
      return { state: 'unauthorised', reason: `${id} wants a login: zerotier-cli listnetworks shows its address` }
    case 'ACCESS_DENIED':
      return { state: 'denied', reason: `authorise node ${status.address} as a member of ${id} at its controller` }
    case 'CLIENT_TOO_OLD':
      return { state: 'denied', reason: `${id} asks for a newer ZeroTier than ${status.version}: upgrade it` }
    case 'NOT_FOUND':
      return {
        state: 'not-found',
        reason: `node ${controllerOf(id)} is the controller of no network ${id}: see that the id is right`,
      }
    case 'PORT_ERROR':
      return {
        state: 'no-interface',
        reason: `ZeroTier can't make its interface (error ${member.portError}): ${tunnelDriver}`,
      }
    default:
      return { state: 'down', reason: `ZeroTier says ${member.status} of ${id}: see zerotier-cli listnetworks` }
  }
}

/** A network's id begins with the address of the node that is its controller. */
const controllerOf = (id: string) => id.slice(0, 10)

function unanswered(id: string, { address, online }: Status): string {
  const remedy = online
    ? `see that the id is right and that node ${controllerOf(id)}, its controller, runs`
    : 'check that this machine reaches the internet'
  return `the controller of ${id} has not answered node ${address} yet: if it stays so, ${remedy}`
}

function addresses(site: Site, member: Member, id: string): Finding {
  if (!member.assignedAddresses.some(text => isAddress(text, site.address))) {
    const own = rfc4193Address(site.network, site.node)
    const alone = member.assignedAddresses.some(text => isAddress(text, own))
    const reason = alone
      ? `${id} has RFC 4193 mode alone, in which a node has one address and none for hosts of a LAN`
      : `${id} gives this node no 6PLANE address`
    return { state: 'no-6plane', reason: `${reason}: switch on 6PLANE at its controller` }
  }
  if (!member.allowManaged) {
    const reason = `ZeroTier may not set the addresses of the network: zerotier-cli set ${id} allowManaged=1`
    return { state: 'no-6plane', reason }
  }
  if (member.portDeviceName === '')
    return { state: 'no-interface', reason: 'ZeroTier has not made its interface yet: it takes a moment' }
  return undefined
}

/** Whether an assigned address, such as `fc9c:…::1/40`, is this one. */
function isAddress(text: string, address: Ip6): boolean {
  try {
    return parseIp6(text.split('/')[0]!) === address
  } catch {
    return false // IPv4
  }
}

/** ZeroTier looks after its interface by the name that it gave it. */
function interfaceOf(name: string, mac: Mac, links: readonly LinkView[] | undefined): Finding {
  const renamed = links?.find(link => link.mac === mac)?.name
  if (renamed === undefined || links!.some(link => link.name === name))
    return judgeLink(
      name,
      mac,
      links,
      `ZeroTier makes one when it starts, and no second: systemctl restart zerotier-one`,
    )
  const lasting = `a name that lasts goes into the file devicemap in ZeroTier's folder`
  const reason = `ZeroTier's interface ${name} is now ${renamed}, which ZeroTier does not follow: ip link set dev ${renamed} name ${name} (${lasting})`
  return { state: 'no-interface', reason }
}

function noticesOf(
  { address }: Site,
  status: Status,
  { portDeviceName, mtu }: Member,
  links: readonly LinkView[] = [],
): string[] {
  const link = links.find(({ name }) => name === portDeviceName)
  const notices: string[] = []
  if (!status.online)
    notices.push('ZeroTier reaches none of its root servers: sites that it has no path to yet are out of reach')
  if (link && mtu !== undefined && link.mtu !== mtu)
    notices.push(
      `${link.name} has an MTU of ${link.mtu}, where the network's is ${mtu}: ip link set dev ${link.name} mtu ${mtu}`,
    )
  // Setting the link down takes it away, and so does `allowManaged` with a list of others.
  if (link?.addresses && !link.addresses.includes(address)) {
    const text = formatIp6(address)
    const remedy = `ip -6 address add ${text}/40 dev ${link.name}`
    notices.push(`${link.name} lacks this node's address ${text}, which ZeroTier sets only once: ${remedy}`)
  }
  return notices
}

/** What keeps a link from carrying the overlay's packets. Shared by both kinds of overlay. */
export function judgeLink(name: string, mac: Mac, links: readonly LinkView[] | undefined, remedy: string): Finding {
  if (!links) return undefined
  const link = links.find(candidate => candidate.name === name)
  if (!link) return { state: 'no-interface', reason: `there is no interface ${name}: ${remedy}` }
  if (link.mac !== mac) {
    const found = link.mac === undefined ? 'has no MAC address' : `has the MAC address ${link.mac}`
    const reason = `${name} ${found}, where other sites compute ${mac}: ip link set dev ${name} address ${mac}`
    return { state: 'down', reason }
  }
  if (!link.up) return { state: 'down', reason: `${name} is down: ip link set dev ${name} up` }
  if (!link.carrier) return { state: 'down', reason: `${name} has no carrier: see what is at its other end` }
  if (link.ipv6 === false)
    return { state: 'down', reason: `${name} has IPv6 switched off: sysctl -w net.ipv6.conf.${name}.disable_ipv6=0` }
  return undefined
}

/** Whether two reports say the same. */
export function sameReport(a: OverlayReport, b: OverlayReport): boolean {
  return (
    a.state === b.state &&
    a.reason === b.reason &&
    a.network === b.network &&
    a.node === b.node &&
    a.interface === b.interface &&
    a.carries === b.carries &&
    a.rfc4193Address === b.rfc4193Address &&
    a.notices.join() === b.notices.join()
  )
}

/** The report as fields of a log line. */
export function logFields({ state, network, reason, site, interface: name, notices }: OverlayReport): object {
  return {
    state,
    network: formatNetworkId(network),
    ...(site && { address: formatIp6(site.address) }),
    ...(name !== undefined && { interface: name }),
    ...(reason !== undefined && { reason }),
    ...(notices.length > 0 && { notices }),
  }
}
