/**
 * The four neighbour discovery messages we speak, from the ICMPv6 type octet to the last option, with every rule of validity
 * that a receiver checks. Redirects are left out: a router never follows one. RFC 4861 section 8.2.
 */
import { DecodeError, Reader, Writer } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Ip6, isLinkLocal, isMulticast, solicitedNode, unspecified } from '../base/ip6.ts'
import { decodeOptions, encodeOption, type Option, type OptionKind, optionsOf } from './options.ts'
import { type Preference, preferenceBits, preferences } from './route-information.ts'

/** Where is a router? RFC 4861 section 4.1. */
export interface RouterSolicitation {
  readonly kind: 'router-solicitation'
  readonly options: readonly Option[]
}

/** What a router says of itself and its link. RFC 4861 section 4.2. */
export interface RouterAdvertisement {
  readonly kind: 'router-advertisement'
  readonly currentHopLimit: number // 0 leaves it to others
  readonly managed: boolean // addresses come from DHCPv6
  readonly other: boolean // other configuration comes from DHCPv6
  readonly preference: Preference // as a default router; medium wherever routerLifetime is 0
  readonly routerLifetime: number // seconds as a default router; 0 is none
  readonly reachableTime: number // milliseconds; 0 leaves it to others
  readonly retransTimer: number // milliseconds; 0 leaves it to others
  readonly options: readonly Option[]
}

/** Who has this address? RFC 4861 section 4.3. */
export interface NeighbourSolicitation {
  readonly kind: 'neighbour-solicitation'
  readonly target: Ip6
  readonly options: readonly Option[]
}

/** I have this address. RFC 4861 section 4.4. */
export interface NeighbourAdvertisement {
  readonly kind: 'neighbour-advertisement'
  readonly router: boolean
  readonly solicited: boolean
  readonly override: boolean
  readonly target: Ip6
  readonly options: readonly Option[]
}

export type Message = RouterSolicitation | RouterAdvertisement | NeighbourSolicitation | NeighbourAdvertisement

/** What the IPv6 header said; the rules of validity need it. */
export interface Envelope {
  readonly source: Ip6
  readonly destination: Ip6
  readonly hopLimit: number
}

export const messageType = {
  'router-solicitation': 133,
  'router-advertisement': 134,
  'neighbour-solicitation': 135,
  'neighbour-advertisement': 136,
} as const

const requiredHopLimit = 255 // nothing that was forwarded has it: RFC 4861 section 3.1
const managedFlag = 0x80
const otherFlag = 0x40
const routerFlag = 0x80
const solicitedFlag = 0x40
const overrideFlag = 0x20

/** What each message is specified to carry; anything else in it is ignored. RFC 4861 section 4. */
const carried = {
  'router-solicitation': ['source-link-layer-address'],
  'router-advertisement': [
    'source-link-layer-address',
    'mtu',
    'prefix-information',
    'route-information',
    'rdnss',
    'dnssl',
  ],
  'neighbour-solicitation': ['source-link-layer-address'],
  'neighbour-advertisement': ['target-link-layer-address'],
} as const satisfies Record<Message['kind'], readonly OptionKind[]>

/** The message with a checksum of zero, which the kernel fills in. Throws a RangeError for what no message can carry. */
export function encodeMessage(message: Message): Uint8Array {
  const out = new Writer()
  out.u8(messageType[message.kind]).u8(0).u16(0)
  switch (message.kind) {
    case 'router-solicitation':
      out.zeros(4)
      break
    case 'router-advertisement':
      out.u8(message.currentHopLimit).u8(
        (message.managed ? managedFlag : 0) |
          (message.other ? otherFlag : 0) |
          // RFC 4191 section 2.2: no preference without a lifetime to prefer.
          (message.routerLifetime === 0 ? 0 : preferenceBits[message.preference] << 3),
      )
      out.u16(message.routerLifetime).u32(message.reachableTime).u32(message.retransTimer)
      break
    case 'neighbour-solicitation':
      out.zeros(4).bytes(bytesOf(message.target))
      break
    case 'neighbour-advertisement':
      out.u8(
        (message.router ? routerFlag : 0) |
          (message.solicited ? solicitedFlag : 0) |
          (message.override ? overrideFlag : 0),
      )
      out.zeros(3).bytes(bytesOf(message.target))
      break
    default:
      message satisfies never
  }
  for (const option of message.options) out.bytes(encodeOption(option))
  return out.take()
}

/** Reads and checks a message. Throws a DecodeError that says which rule it breaks. RFC 4861 section 6.1 and section 7.1. */
export function decodeMessage(bytes: Uint8Array, envelope: Envelope): Message {
  const body = new Reader(bytes)
  const type = body.u8()
  const code = body.u8()
  body.skip(2) // the kernel drops what fails the checksum before a raw socket sees it
  if (envelope.hopLimit !== requiredHopLimit) throw new DecodeError(`hop limit ${envelope.hopLimit}, not 255`)
  if (code !== 0) throw new DecodeError(`code ${code}, not 0`)
  switch (type) {
    case messageType['router-solicitation']:
      return readRouterSolicitation(body, envelope)
    case messageType['router-advertisement']:
      return readRouterAdvertisement(body, envelope)
    case messageType['neighbour-solicitation']:
      return readNeighbourSolicitation(body, envelope)
    case messageType['neighbour-advertisement']:
      return readNeighbourAdvertisement(body, envelope)
    default:
      throw new DecodeError(`ICMPv6 type ${type} is no neighbour discovery message`)
  }
}

function readRouterSolicitation(body: Reader, { source }: Envelope): RouterSolicitation {
  const kind = 'router-solicitation'
  const options = decodeOptions(body.skip(4), carried[kind])
  refuseUnspecifiedWithLink(source, options)
  return { kind, options }
}

function readRouterAdvertisement(body: Reader, { source }: Envelope): RouterAdvertisement {
  if (!isLinkLocal(source)) throw new DecodeError('a router advertisement from an address that is not link-local')
  const kind = 'router-advertisement'
  const currentHopLimit = body.u8()
  const flags = body.u8()
  const routerLifetime = body.u16()
  // RFC 4191 section 2.2: the reserved preference counts as medium, and any counts as medium without a lifetime.
  const preference = routerLifetime === 0 ? 'medium' : (preferences[(flags >> 3) & 0b11] ?? 'medium')
  return {
    kind,
    currentHopLimit,
    managed: (flags & managedFlag) !== 0,
    other: (flags & otherFlag) !== 0,
    preference,
    routerLifetime,
    reachableTime: body.u32(),
    retransTimer: body.u32(),
    options: decodeOptions(body, carried[kind]),
  }
}

function readNeighbourSolicitation(body: Reader, { source, destination }: Envelope): NeighbourSolicitation {
  const kind = 'neighbour-solicitation'
  const target = readTarget(body.skip(4))
  const options = decodeOptions(body, carried[kind])
  refuseUnspecifiedWithLink(source, options)
  if (source === unspecified && destination !== solicitedNode(target))
    throw new DecodeError('duplicate address detection that is not sent to the group of its target')
  return { kind, target, options }
}

function readNeighbourAdvertisement(body: Reader, { destination }: Envelope): NeighbourAdvertisement {
  const kind = 'neighbour-advertisement'
  const flags = body.u8()
  const target = readTarget(body.skip(3))
  const solicited = (flags & solicitedFlag) !== 0
  if (solicited && isMulticast(destination)) throw new DecodeError('a solicited advertisement sent to a group')
  return {
    kind,
    router: (flags & routerFlag) !== 0,
    solicited,
    override: (flags & overrideFlag) !== 0,
    target,
    options: decodeOptions(body, carried[kind]),
  }
}

function readTarget(body: Reader): Ip6 {
  const target = fromBytes(body.bytes(16))
  if (isMulticast(target)) throw new DecodeError('a multicast address as target')
  return target
}

function refuseUnspecifiedWithLink(source: Ip6, options: readonly Option[]): void {
  if (source === unspecified && optionsOf(options, 'source-link-layer-address').length > 0)
    throw new DecodeError('a source link-layer address without a source address')
}
