/** What relays wrap a client's message in, and the answer in the same wrapping. RFC 9915 section 9. */
import { DecodeError, Reader, toHex, Writer } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Ip6, unspecified } from '../base/ip6.ts'
import { type Mac, macFromBytes } from '../base/mac.ts'
import { MessageType } from './message.ts'

/** The options that relays add or read, by their codes. */
export const RelayOption = {
  relayMessage: 9, // RFC 9915 section 21.10
  interfaceId: 18, // RFC 9915 section 21.18
  remoteId: 37, // RFC 4649 section 3
  subscriberId: 38, // RFC 4580 section 2
  echoRequest: 43, // RFC 4994 section 3
  relaySupplied: 66, // RFC 6422 section 3
  clientLinkLayerAddress: 79, // RFC 6939 section 4
  relaySourcePort: 135, // RFC 8357 section 4
} as const

/** An option as it came: what a relay wrote for itself is echoed, not read. */
export interface RawOption {
  readonly code: number
  readonly bytes: Uint8Array
}

/** One relay's header and its options but for the Relay Message. */
export interface Hop {
  readonly hopCount: number
  readonly linkAddress: Ip6 // of the relay on the client's link; `::` where it doesn't say
  readonly peerAddress: Ip6 // the client, or the next relay towards it
  readonly options: readonly RawOption[]
}

/** What relays have wrapped, the relay nearest to us first, and the client's message. */
export interface Relayed {
  readonly hops: readonly Hop[]
  readonly message: Uint8Array
}

export const mostHops = 8 // HOP_COUNT_LIMIT, RFC 9915 section 7.6
const headerLength = 34 // up to the options: type, hop count, link address, peer address
const longestEcho = 1024 // octets of one relay's options, our own: the answer repeats them and must fit a datagram

/**
 * Unwraps a Relay-forward, or `too-deep` where more relays wrapped it than may. The bytes are copies. Throws a DecodeError where
 * one of them holds not exactly one Relay Message. RFC 9915 section 19.3.
 */
export function decodeRelayForward(bytes: Uint8Array): Relayed | 'too-deep' {
  const hops: Hop[] = []
  let message = bytes
  while (message[0] === MessageType.relayForward) {
    if (hops.length === mostHops) return 'too-deep'
    const { hop, inner } = decodeHop(message)
    hops.push(hop)
    message = inner
  }
  return { hops, message }
}

function decodeHop(bytes: Uint8Array): { readonly hop: Hop; readonly inner: Uint8Array } {
  const body = new Reader(bytes)
  const hopCount = body.skip(1).u8()
  const linkAddress = fromBytes(body.bytes(16))
  const peerAddress = fromBytes(body.bytes(16))
  const options: RawOption[] = []
  let inner: Uint8Array | undefined
  let size = 0
  for (const { code, bytes: content } of decodeRaw(body)) {
    if (code !== RelayOption.relayMessage) {
      size += content.length
      options.push({ code, bytes: content })
    } else if (inner) throw new DecodeError('two Relay Messages in one Relay-forward')
    else inner = content
  }
  if (!inner || inner.length === 0) throw new DecodeError('a Relay-forward without a Relay Message')
  if (size > longestEcho) throw new DecodeError(`${size} octets of options of one relay`)
  return { hop: { hopCount, linkAddress, peerAddress, options }, inner }
}

/**
 * Who a Relay-forward speaks for, as its innermost relay says; undefined where it can't be read so far. Much cheaper than to unwrap
 * it: this is asked about what may not be served at all.
 */
export function clientOf(bytes: Uint8Array): Ip6 | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let peer: Ip6 | undefined
  let at = 0
  for (let hops = 0; hops < mostHops; hops++) {
    if (at + headerLength > bytes.length || bytes[at] !== MessageType.relayForward) break
    peer = fromBytes(bytes.subarray(at + headerLength - 16, at + headerLength))
    at += headerLength
    while (at + 4 <= bytes.length && view.getUint16(at) !== RelayOption.relayMessage) at += 4 + view.getUint16(at + 2)
    at += 4
  }
  return peer
}

function decodeRaw(body: Reader): RawOption[] {
  const options: RawOption[] = []
  while (body.left > 0) options.push({ code: body.u16(), bytes: body.bytes(body.u16()).slice() })
  return options
}

/** The answer to a client, wrapped for the same relays in the same order. RFC 9915 section 19.3. */
export function encodeRelayReply(hops: readonly Hop[], message: Uint8Array): Uint8Array {
  return hops.reduceRight((inner, { hopCount, linkAddress, peerAddress, options }) => {
    const out = new Writer(inner.length + 128)
    out.u8(MessageType.relayReply).u8(hopCount).bytes(bytesOf(linkAddress)).bytes(bytesOf(peerAddress))
    for (const { code, bytes } of echoed(options)) out.u16(code).sized16(body => body.bytes(bytes))
    out.u16(RelayOption.relayMessage).sized16(body => body.bytes(inner))
    return out.take()
  }, message)
}

/** What a relay gets back of its own: what it always needs, and what it asks for. RFC 4994 section 3, RFC 8357 section 5.2. */
function echoed(options: readonly RawOption[]): RawOption[] {
  const wanted = new Set<number>([RelayOption.interfaceId, RelayOption.relaySourcePort])
  for (const { code, bytes } of options) {
    if (code !== RelayOption.echoRequest) continue
    for (let at = 0; at + 1 < bytes.length; at += 2) wanted.add((bytes[at]! << 8) | bytes[at + 1]!)
  }
  return options.filter(({ code }) => wanted.has(code))
}

/** Whether the relay nearest to us wants its answer at the port that it sent from, and not at 547. RFC 8357 section 5.2. */
export const wantsItsPort = ([nearest]: readonly Hop[]): boolean =>
  nearest !== undefined && optionOf(nearest, RelayOption.relaySourcePort) !== undefined

/** The link that the client is on: what the relay nearest to it says, or `::` where none does. RFC 9915 section 13.1. */
export const linkOf = (hops: readonly Hop[]): Ip6 =>
  hops.findLast(({ linkAddress }) => linkAddress !== unspecified)?.linkAddress ?? unspecified

/** What relays say about a client: where it is plugged in. Identifiers as text: printable ones as they are, others in hex. */
export interface RelayInfo {
  readonly interfaceId: string | undefined
  readonly remoteId: string | undefined // with its enterprise number, `9:` and so on
  readonly subscriberId: string | undefined
}

/** The word of the relay nearest to the client counts: the others know only of it. */
export function relayInfoOf(hops: readonly Hop[]): RelayInfo {
  const find = (code: number) => hops.map(hop => optionOf(hop, code)).findLast(bytes => bytes !== undefined)
  const remote = find(RelayOption.remoteId)
  const number = remote && remote.length > 4 ? new Reader(remote).u32() : undefined
  const identifier = (bytes: Uint8Array | undefined) => bytes && textOf(bytes)
  return {
    interfaceId: identifier(find(RelayOption.interfaceId)),
    remoteId: number === undefined ? undefined : `${number}:${textOf(remote!.subarray(4))}`,
    subscriberId: identifier(find(RelayOption.subscriberId)),
  }
}

// Options that relays may supply, by IANA's registry of them: the local domain of EAP re-authentication, RFC 6440 section 4.
const suppliable: ReadonlySet<number> = new Set([65])

/** What relays have for a client that asks for these codes, the nearest to it first, each once. RFC 6422 section 6. */
export function suppliedBy(hops: readonly Hop[], asked: readonly number[]): RawOption[] {
  const supplied = new Map<number, RawOption>()
  for (const hop of hops.toReversed()) {
    for (const { code, bytes } of hop.options) {
      if (code !== RelayOption.relaySupplied) continue
      for (const option of readable(bytes))
        if (suppliable.has(option.code) && asked.includes(option.code) && !supplied.has(option.code))
          supplied.set(option.code, option)
    }
  }
  return [...supplied.values()]
}

/** What can't be read of it costs the client no more than that. */
function readable(bytes: Uint8Array): RawOption[] {
  try {
    return decodeRaw(new Reader(bytes))
  } catch (error) {
    if (error instanceof DecodeError) return []
    throw error
  }
}

/** The client's MAC as the first relay saw it. RFC 6939 section 5. */
export function clientMacOf(hops: readonly Hop[]): Mac | undefined {
  const bytes = hops.at(-1) && optionOf(hops.at(-1)!, RelayOption.clientLinkLayerAddress)
  const ethernet = bytes?.length === 8 && bytes[0] === 0 && bytes[1] === 1
  return ethernet ? macFromBytes(bytes.subarray(2)) : undefined
}

const optionOf = ({ options }: Hop, code: number): Uint8Array | undefined =>
  options.find(option => option.code === code)?.bytes

const longestText = 64 // octets of an identifier that are shown

/** A stranger may have written it: what a terminal or a page could take amiss is shown in hex. */
function textOf(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, longestText)
  const printable = shown.length > 0 && shown.every(octet => octet >= 0x20 && octet < 0x7f)
  return printable ? String.fromCharCode(...shown) : toHex(shown, ':')
}
