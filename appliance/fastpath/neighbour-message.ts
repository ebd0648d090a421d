/** The kernel's question for a neighbour and our answer to it, as rtnetlink(7) messages. */
import { AttrStream, formatMessage, type NetlinkMessage, parseAttributes, parseMessages } from 'netlink/dist/structs.js'
import { DecodeError } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Ip6 } from '../base/ip6.ts'
import { type Mac, macBytes } from '../base/mac.ts'

const messageType = {
  error: 2,
  newAddress: 20,
  deleteAddress: 21,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
} as const
const flags = { REQUEST: 0x1, REPLACE: 0x100 } as const
const attribute = { DST: 1, LLADDR: 2 } as const
const inet6 = 10 // AF_INET6
const reachable = 0x02 // NUD_REACHABLE

/** struct ndmsg: family 0, ifindex 4 (i32), state 8 (u16), flags 10, type 11. */
const headerSize = 12

/** What a datagram of the groups for neighbours and addresses says to us. */
export type NeighbourEvent =
  | { readonly kind: 'question'; readonly link: number; readonly address: Ip6 }
  | { readonly kind: 'refusal'; readonly errno: number } // of an answer
  | { readonly kind: 'addresses-changed' }

/** Throws a DecodeError. What is of no interest, the kernel's own entries above all, is left out. */
export function decodeEvents(datagram: Uint8Array): NeighbourEvent[] {
  try {
    const buffer = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    return parseMessages(buffer).flatMap(message => decodeEvent(message) ?? [])
  } catch (error) {
    throw new DecodeError('a netlink datagram with a wrong length', { cause: error })
  }
}

function decodeEvent({ type, data }: NetlinkMessage): NeighbourEvent | undefined {
  switch (type) {
    case messageType.getNeighbour:
      return decodeQuestion(data)
    case messageType.error:
      return decodeRefusal(data)
    case messageType.newAddress:
    case messageType.deleteAddress:
      return { kind: 'addresses-changed' }
    default:
      return undefined
  }
}

/** The error's number, then the header of the message that it is about. An entry that was to go and has gone is no news. */
function decodeRefusal(body: Buffer): NeighbourEvent | undefined {
  const errno = -body.readInt32LE()
  const about = body.length >= 10 ? body.readUInt16LE(8) : 0
  return errno === 0 || about === messageType.deleteNeighbour ? undefined : { kind: 'refusal', errno }
}

function decodeQuestion(body: Buffer): NeighbourEvent | undefined {
  if (body.length < headerSize || body.readUInt8(0) !== inet6) return undefined
  let address: Ip6 | undefined
  parseAttributes(body.subarray(headerSize), ({ type, data }) => {
    if (type === attribute.DST) address = fromBytes(data)
  })
  return address === undefined ? undefined : { kind: 'question', link: body.readInt32LE(4), address }
}

/**
 * Answers a question: the entry becomes reachable, and with the kernel's own timers asks again when it is used after that. Only
 * an entry that exists is changed; several answers may go in one datagram.
 */
export function encodeAnswer(link: number, address: Ip6, mac: Mac): Uint8Array {
  const attributes = attributesOf(address)
  attributes.push(attribute.LLADDR, macBytes(mac))
  const padding = new Uint8Array(2) // a message starts on a multiple of four
  const data = Buffer.concat([headerOf(link, reachable), ...attributes.bufs, padding])
  return format(messageType.newNeighbour, flags.REQUEST | flags.REPLACE, data)
}

/** Takes an entry away; several may go in one datagram. */
export function encodeRemoval(link: number, address: Ip6): Uint8Array {
  const data = Buffer.concat([headerOf(link, 0), ...attributesOf(address).bufs])
  return format(messageType.deleteNeighbour, flags.REQUEST, data)
}

function headerOf(link: number, state: number): Buffer {
  const header = Buffer.alloc(headerSize)
  header.writeUInt8(inet6, 0)
  header.writeInt32LE(link, 4)
  header.writeUInt16LE(state, 8)
  return header
}

function attributesOf(address: Ip6): AttrStream {
  const attributes = new AttrStream()
  attributes.push(attribute.DST, bytesOf(address))
  return attributes
}

const format = (type: number, messageFlags: number, data: Buffer): Uint8Array =>
  Buffer.concat(formatMessage({ type, flags: messageFlags, seq: 0, port: 0, data }))
