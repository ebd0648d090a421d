/**
 * Netlink's framing, in the host's byte order. Messages and attributes are npm netlink's codec; the bodies of the messages are
 * read and written in the `-message` files, since that package drops attributes it doesn't know (IFA_PROTO among them), loses
 * unknown flags, and its sockets load a native addon that ends the process when a burst overflows the buffer.
 */
import { getSystemErrorName } from 'node:util'
import { Flags, FlagsAck, FlagsGet, FlagsNew, MessageType } from 'netlink/dist/constants.js'
import { AttrStream, formatMessage, type NetlinkMessage, parseAttributes, parseMessages } from 'netlink/dist/structs.js'
import { DecodeError } from '../base/bytes.ts'
import { bytesOf, fromBytes, type Ip6 } from '../base/ip6.ts'

export { MessageType as RtType, MulticastGroups } from 'netlink/dist/rt/gen_structs.js'
export { Flags, FlagsGet, FlagsNew, MessageType, type NetlinkMessage }

export const inet6 = 10 // AF_INET6

/** The messages of a datagram. Their bodies are views of it. Throws a DecodeError. */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  try {
    return parseMessages(bufferOf(datagram))
  } catch (error) {
    throw new DecodeError('a netlink datagram with a wrong length', { cause: error })
  }
}

/** One message as a datagram. */
export function encodeMessage(message: { type: number; flags: number; seq: number; body: Uint8Array }): Uint8Array {
  const { type, flags, seq, body } = message
  return Buffer.concat(formatMessage({ type, flags, seq, port: 0, data: body }))
}

/** The body of a message: its fixed header, then attributes by number. Each value is a number (u32), octets, or a string with NUL. */
export function encodeBody(header: Uint8Array, attributes: readonly Attribute[]): Uint8Array {
  const out = new AttrStream()
  for (const [type, value] of attributes) if (value !== undefined) out.push(type, encodeValue(value))
  const parts = out.bufs
  return Buffer.concat([header, ...parts])
}

export type Attribute = readonly [type: number, value: number | string | Uint8Array | undefined]

function encodeValue(value: number | string | Uint8Array): Uint8Array {
  if (typeof value === 'string') return Buffer.from(`${value}\0`)
  if (typeof value !== 'number') return value
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** A message's attributes: the last of each number counts, as in the kernel. Wrong lengths are DecodeErrors. */
export class Attributes {
  readonly #values = new Map<number, Buffer>()

  constructor(body: Uint8Array, headerSize: number) {
    if (body.length < headerSize) throw new DecodeError(`a netlink message of ${body.length} octets`)
    try {
      parseAttributes(bufferOf(body.subarray(headerSize)), ({ type, data }) => this.#values.set(type, data))
    } catch (error) {
      throw new DecodeError('a netlink attribute with a wrong length', { cause: error })
    }
  }

  has(type: number): boolean {
    return this.#values.has(type)
  }

  octets(type: number): Uint8Array | undefined {
    return this.#values.get(type)
  }

  u8(type: number): number | undefined {
    return this.#sized(type, 1)?.readUInt8()
  }

  u32(type: number): number | undefined {
    return this.#sized(type, 4)?.readUInt32LE()
  }

  text(type: number): string | undefined {
    return this.#values.get(type)?.toString('utf8').replace(/\0.*$/s, '')
  }

  address(type: number): Ip6 | undefined {
    const value = this.#sized(type, 16)
    return value && fromBytes(value)
  }

  #sized(type: number, size: number): Buffer | undefined {
    const value = this.#values.get(type)
    if (value && value.length !== size) throw new DecodeError(`netlink attribute ${type} in ${value.length} octets`)
    return value
  }
}

/** How a request ended, from its ERROR or DONE message: undefined for success, else the errno and the kernel's sentence about it. */
export function decodeError({
  type,
  data,
  flags,
}: NetlinkMessage): { errno: string; text: string | undefined } | undefined {
  if (data.length < 4) throw new DecodeError(`a netlink result of ${data.length} octets`)
  const errno = data.readInt32LE()
  if (errno >= 0) return undefined // a dump's DONE may count
  return { errno: errnoName(errno), text: flags & FlagsAck.ACK_TLVS ? sentence(type, data, flags) : undefined }
}

/** After the errno an ERROR repeats the request's header, and its body unless capped; then attributes: NLMSGERR_ATTR_MSG is 1. */
function sentence(type: number, data: Buffer, flags: number): string | undefined {
  const capped = (flags & FlagsAck.CAPPED) !== 0
  const repeated = type === MessageType.DONE ? 0 : capped ? 16 : data.readUInt32LE(4)
  return new Attributes(data, 4 + ((repeated + 3) & ~3)).text(1)
}

function errnoName(negative: number): string {
  try {
    return getSystemErrorName(negative)
  } catch {
    return `errno ${-negative}`
  }
}

export function addressAttribute(address: Ip6 | undefined): Uint8Array | undefined {
  return address === undefined ? undefined : bytesOf(address)
}

/** npm netlink reads through Buffer's methods. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
