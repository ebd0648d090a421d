import { messageOf } from '../base/errors.ts'
import { formatIp6, parseIp6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { type Site, siteOf } from '../plane/site.ts'
import { formatNetworkId, type NetworkId, parseNodeAddress } from '../plane/sixplane.ts'
import type { LinkView, OverlayReport, OverlayState } from './overlay.ts'

/** What a visit to the local API brought home. */
export type Visit =
  | { readonly kind: 'no-service' | 'bad-token'; readonly reason: string }
  | { readonly kind: 'answered'; readonly status: Status; readonly member: Member | undefined }

/** `GET /status`, as far as it matters. */
export interface Status {
  readonly address: string // 10 hex digits
  readonly version: string
}

/** `GET /network/<id>`, as far as it matters; undefined where the node has not joined. */
export interface Member {
  readonly status: string
  readonly portDeviceName: string
  readonly portError: number
  readonly assignedAddresses: readonly string[]
  readonly allowManaged: boolean
}

type Finding = { readonly state: Exclude<OverlayState, 'ok'>; readonly reason: string } | undefined

/** The report that follows from a visit and, where they are known, the links of the machine. */
export function judge(network: NetworkId, visit: Visit, links: readonly LinkView[] | undefined): OverlayReport {
  const base = { kind: 'zerotier', network } as const
  if (visit.kind !== 'answered') return { ...base, state: visit.kind, reason: visit.reason }

  let site: Site
  try {
    site = siteOf(network, parseNodeAddress(visit.status.address))
  } catch (error) {
    return { ...base, state: 'no-service', reason: `ZeroTier tells a node address that can't be: ${messageOf(error)}` }
  }
  const { member } = visit
  const known = { ...base, node: site.node, site, ...(member?.portDeviceName && { interface: member.portDeviceName }) }
  const finding = membership(site, visit.status, member) ?? judgeLink(member!.portDeviceName, site.mac, links)
  return finding ? { ...known, ...finding } : { ...known, state: 'ok' }
}

function membership(site: Site, status: Status, member: Member | undefined): Finding {
  const id = formatNetworkId(site.network)
  if (!member) return { state: 'not-joined', reason: `this node has not joined the network: zerotier-cli join ${id}` }
  switch (member.status) {
    case 'OK':
      return addresses(site, member, id)
    case 'REQUESTING_CONFIGURATION':
      return {
        state: 'unauthorised',
        reason: `the controller of ${id} has not answered yet: if it stays so, check that this machine reaches the internet`,
      }
    case 'AUTHENTICATION_REQUIRED':
      return { state: 'unauthorised', reason: `${id} wants a login: zerotier-cli listnetworks shows its address` }
    case 'ACCESS_DENIED':
      return { state: 'denied', reason: `authorise node ${status.address} as a member of ${id} at its controller` }
    case 'CLIENT_TOO_OLD':
      return { state: 'denied', reason: `${id} asks for a newer ZeroTier than ${status.version}: upgrade it` }
    case 'NOT_FOUND':
      return { state: 'not-found', reason: `there is no network ${id}: compare overlay.network with the controller` }
    case 'PORT_ERROR':
      return {
        state: 'no-interface',
        reason: `ZeroTier can't make its interface (error ${member.portError}): see that /dev/net/tun is there, and its log`,
      }
    default:
      return { state: 'down', reason: `ZeroTier says ${member.status} of ${id}: see zerotier-cli listnetworks` }
  }
}

function addresses(site: Site, member: Member, id: string): Finding {
  if (!member.assignedAddresses.some(text => isAddress(text, site))) {
    const instead = member.assignedAddresses.some(text => text.endsWith('/88')) ? ' (RFC 4193 alone is not enough)' : ''
    const reason = `${id} gives this node no 6PLANE address: switch on 6PLANE at its controller${instead}`
    return { state: 'no-6plane', reason }
  }
  if (!member.allowManaged) {
    const reason = `ZeroTier may not set the addresses of the network: zerotier-cli set ${id} allowManaged=1`
    return { state: 'no-6plane', reason }
  }
  if (member.portDeviceName === '') return { state: 'no-interface', reason: 'ZeroTier has not made its interface yet' }
  return undefined
}

/** Whether an assigned address, `fc9c:…::1/40`, is the 6PLANE address of the site. */
function isAddress(text: string, site: Site): boolean {
  try {
    return parseIp6(text.split('/')[0]!) === site.address
  } catch {
    return false // IPv4
  }
}

/** What keeps a link from carrying the overlay's packets. Shared by both kinds of overlay. */
export function judgeLink(name: string, mac: Mac, links: readonly LinkView[] | undefined): Finding {
  if (!links) return undefined
  const link = links.find(candidate => candidate.name === name)
  if (!link) return { state: 'no-interface', reason: `there is no interface ${name} yet` }
  if (link.mac !== mac) {
    const found = link.mac === undefined ? 'has no MAC address' : `has the MAC address ${link.mac}`
    const reason = `${name} ${found}, where other sites compute ${mac}: ip link set dev ${name} address ${mac}`
    return { state: 'down', reason }
  }
  if (!link.up) return { state: 'down', reason: `${name} is down: ip link set dev ${name} up` }
  if (!link.carrier) return { state: 'down', reason: `${name} has no carrier` }
  return undefined
}

/** Whether two reports say the same. */
export function sameReport(a: OverlayReport, b: OverlayReport): boolean {
  return (
    a.state === b.state &&
    a.reason === b.reason &&
    a.network === b.network &&
    a.node === b.node &&
    a.interface === b.interface
  )
}

/** The report as fields of a log line. */
export function logFields({ state, network, reason, site, interface: name }: OverlayReport): object {
  return {
    state,
    network: formatNetworkId(network),
    ...(site && { address: formatIp6(site.address) }),
    ...(name !== undefined && { interface: name }),
    ...(reason !== undefined && { reason }),
  }
}
