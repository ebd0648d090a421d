import { readFileSync } from 'node:fs'
import { formatIp6 } from '../../../appliance/base/ip6.ts'
import type { OverlayState } from '../../../appliance/overlay/overlay.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { type NetworkId, parseNodeAddress, rfc4193Address } from '../../../appliance/plane/sixplane.ts'

const recorded = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../golden/zerotier-api/${name}.json`, import.meta.url), 'utf8'))

/** A recorded member of network 610252ad3bc0ffee, on node be3ff01c29. */
export const recordedStatus: Record<string, unknown> = recorded('status')
export const recordedMember: Record<string, unknown> = recorded('network')[0]

/** All that a node's overlay depends on, each with the values that it may take; the first is the good one. */
export const values = {
  service: ['runs', 'not installed', 'not started', 'died', 'answers garbage', 'refuses the token', 'has no token'],
  membership: [
    'OK',
    'left',
    'joined without an interface',
    'REQUESTING_CONFIGURATION',
    'AUTHENTICATION_REQUIRED',
    'ACCESS_DENIED',
    'NOT_FOUND',
    'CLIENT_TOO_OLD',
    'PORT_ERROR',
  ],
  modes: ['6PLANE', 'both', 'RFC 4193', 'neither'],
  managed: ['allowed', 'forbidden'],
  link: [
    'is right',
    'has MTU 1500',
    'has no address',
    'has IPv6 off',
    'is missing',
    'is not made yet',
    'has a new name',
    'has a foreign MAC',
    'is down',
    'has no carrier',
  ],
  online: ['yes', 'no'],
  node: ['be3ff01c29', '89e92ceee5'],
} as const

export type Key = keyof typeof values
export type Facts = { [K in Key]: (typeof values)[K][number] }

export const allWell = Object.fromEntries(Object.entries(values).map(([key, [first]]) => [key, first])) as Facts

const words: Record<Facts['membership'], OverlayState> = {
  OK: 'ok',
  left: 'not-joined',
  'joined without an interface': 'no-interface',
  REQUESTING_CONFIGURATION: 'unauthorised',
  AUTHENTICATION_REQUIRED: 'unauthorised',
  ACCESS_DENIED: 'denied',
  NOT_FOUND: 'not-found',
  CLIENT_TOO_OLD: 'denied',
  PORT_ERROR: 'no-interface',
}

/** The word that design and manual have for it: what is nearest to the service comes first. */
export function wordFor(facts: Facts): OverlayState {
  if (facts.service === 'refuses the token' || facts.service === 'has no token') return 'bad-token'
  if (facts.service !== 'runs') return 'no-service'
  if (words[facts.membership] !== 'ok') return words[facts.membership]
  if (facts.modes === 'RFC 4193' || facts.modes === 'neither' || facts.managed === 'forbidden') return 'no-6plane'
  if (['is missing', 'is not made yet', 'has a new name'].includes(facts.link)) return 'no-interface'
  return carrying(facts.link) ? 'ok' : 'down'
}

export function carrying(link: Facts['link']): boolean {
  return ['is right', 'has MTU 1500', 'has no address'].includes(link)
}

/** `GET /status` where that is so. */
export function statusOf({ node, online }: Facts): object {
  return { ...recordedStatus, address: node, online: online === 'yes' }
}

/**
 * `GET /network/<id>` where that is so; undefined where the node is no member, or has no interface. A node that was let in before keeps
 * the network's configuration, whatever its controller says afterwards (ZeroTier 1.14, node/Network.cpp).
 */
export function memberOf(facts: Facts, network: NetworkId, name: string): object | undefined {
  const { membership, modes, managed, link } = facts
  if (membership === 'left' || membership === 'joined without an interface') return undefined
  const site = siteOf(network, parseNodeAddress(facts.node))
  const sixplane = `${formatIp6(site.address)}/40`
  const own = `${formatIp6(rfc4193Address(network, site.node))}/88`
  const given = { '6PLANE': [sixplane], both: [own, sixplane], 'RFC 4193': [own], neither: [] }
  return {
    ...recordedMember,
    status: membership,
    assignedAddresses: membership === 'REQUESTING_CONFIGURATION' ? [] : given[modes],
    allowManaged: managed === 'allowed',
    mac: site.mac,
    portError: membership === 'PORT_ERROR' ? -999 : 0,
    portDeviceName: membership === 'PORT_ERROR' || link === 'is not made yet' ? '' : name,
  }
}
