/**
 * Neighbour solicitations answered for addresses that are not on our own interfaces: whole Ethernet frames in, whole frames out.
 * The LAN's responder and the overlay's share it.
 */
import { equalBytes } from '../base/bytes.ts'
import { checksum } from '../base/checksum.ts'
import { allNodes, bytesOf, fromBytes, type Ip6, isMulticast, unspecified } from '../base/ip6.ts'
import { type Mac, macBytes, macFromBytes, multicastMac } from '../base/mac.ts'

/** A solicitation that passed every check. RFC 4861 section 4.3. */
export interface Solicitation {
  readonly target: Ip6
  readonly source: Ip6 // unspecified in a probe for duplicates
  readonly destination: Ip6
  readonly dad: boolean // a probe for duplicates, RFC 4862 section 5.4.2
  readonly sender: Mac // who sent the frame
  readonly linkLayerAddress: Mac | undefined // the source link-layer address option
}

const etherType = 0x86dd // RFC 2464 section 3
const icmp6 = 58
const solicitationType = 135
const advertisementType = 136
const sourceLinkLayerOption = 1
const targetLinkLayerOption = 2
const flags = { router: 0x80, solicited: 0x40, override: 0x20 } // RFC 4861 section 4.4

const ethernetHeader = 14
const ipHeader = 40
const ndHeader = 24 // an NS or NA without options

/** Not for another machine: a card that listens to everything shows those too. */
export function isFrameFor(mac: Mac, frame: Uint8Array): boolean {
  const isGroup = ((frame[0] ?? 0) & 1) !== 0
  return isGroup || equalBytes(frame.subarray(0, 6), macBytes(mac))
}

/** The solicitation in a frame, or undefined: another message, or one to be discarded silently. RFC 4861 section 7.1.1. */
export function readSolicitation(frame: Uint8Array): Solicitation | undefined {
  const message = messageIn(frame)
  if (!message || message[0] !== solicitationType || message[1] !== 0) return undefined
  const source = fromBytes(frame.subarray(22, 38))
  const destination = fromBytes(frame.subarray(38, 54))
  const target = fromBytes(message.subarray(8, 24))
  if (isMulticast(target) || isMulticast(source)) return undefined
  if (checksum(source, destination, icmp6, message) !== 0) return undefined

  const options = linkLayerOption(message)
  if (!options) return undefined
  const { linkLayerAddress } = options
  const dad = source === unspecified
  if (dad && (linkLayerAddress || !isSolicitedNode(destination))) return undefined
  return { target, source, destination, dad, sender: macFromBytes(frame.subarray(6, 12)), linkLayerAddress }
}

/** The ICMPv6 message right behind the IPv6 header, as long as an NS at least; undefined where there is none, or hop limit isn't 255. */
function messageIn(frame: Uint8Array): Uint8Array | undefined {
  const start = ethernetHeader + ipHeader
  if (frame.length < start + ndHeader) return undefined
  if (((frame[12]! << 8) | frame[13]!) !== etherType || frame[14]! >> 4 !== 6) return undefined
  if (frame[20] !== icmp6 || frame[21] !== 255) return undefined
  const length = (frame[18]! << 8) | frame[19]!
  if (length < ndHeader || start + length > frame.length) return undefined
  return frame.subarray(start, start + length) // short frames are padded by the card
}

/** Walks the options; undefined where one has length 0 or runs over the end. */
function linkLayerOption(message: Uint8Array): { readonly linkLayerAddress: Mac | undefined } | undefined {
  let linkLayerAddress: Mac | undefined
  for (let at = ndHeader; at < message.length; ) {
    const size = (message[at + 1] ?? 0) * 8
    if (size === 0 || at + size > message.length) return undefined
    const isGroup = ((message[at + 2] ?? 0) & 1) !== 0 // no host's: answers to it would go to everybody
    if (message[at] === sourceLinkLayerOption && size === 8 && !isGroup)
      linkLayerAddress ??= macFromBytes(message.subarray(at + 2, at + 8))
    at += size
  }
  return { linkLayerAddress }
}

/** In ff02::1:ff00:0/104. RFC 4291 section 2.7.1. */
function isSolicitedNode(address: Ip6): boolean {
  return address >> 24n === solicitedNodePrefix
}
const solicitedNodePrefix = 0xff02_0000_0000_0000_0000_0001_ffn

/** What to say to a solicitation. */
export interface Answer {
  readonly mac: Mac // the target's link-layer address, and who sends the frame
  readonly source: Ip6 // who sends the packet
  readonly router: boolean // the R flag
}

/**
 * The frame that answers: an advertisement with the target link-layer address, override set, solicited to who asked; or, to a
 * probe for duplicates, unsolicited to all nodes. RFC 4861 section 7.2.4.
 */
export function answerSolicitation(solicitation: Solicitation, { mac, source, router }: Answer): Uint8Array {
  const { dad } = solicitation
  const destination = dad ? allNodes : solicitation.source
  const to = dad ? multicastMac(allNodes) : (solicitation.linkLayerAddress ?? solicitation.sender)
  const frame = new Uint8Array(ethernetHeader + ipHeader + ndHeader + 8)
  const from = macBytes(mac)
  frame.set(macBytes(to), 0)
  frame.set(from, 6)
  frame.set([etherType >> 8, etherType & 0xff, 0x60, 0, 0, 0, 0, ndHeader + 8, icmp6, 255], 12)
  frame.set(bytesOf(source), 22)
  frame.set(bytesOf(destination), 38)

  const message = frame.subarray(ethernetHeader + ipHeader)
  message[0] = advertisementType
  message[4] = (router ? flags.router : 0) | (dad ? 0 : flags.solicited) | flags.override
  message.set(bytesOf(solicitation.target), 8)
  message.set([targetLinkLayerOption, 1], ndHeader)
  message.set(from, ndHeader + 2)
  const sum = checksum(source, destination, icmp6, message)
  message[2] = sum >> 8
  message[3] = sum & 0xff
  return frame
}
