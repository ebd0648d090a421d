/**
 * DHCPv4 messages as octets. The header is read and written by the npm package `dhcp`, which is wrapped here whole. Its reader of
 * options is not used: it loses its place after a pad octet or an option of unusual length, takes identifiers for text, knows
 * nothing of options in the fields of names (option 52) or in several parts, and prints a line for each unknown one.
 */
import table from 'dhcp/lib/options.js'
import protocol from 'dhcp/lib/protocol.js'
import { DecodeError, Reader } from '../base/bytes.ts'
import { messageOf } from '../base/errors.ts'
import { formatIp4, parseIp4 } from '../base/ip4.ts'
import { parseMac } from '../base/mac.ts'
import { type Message4, option } from './message.ts'

for (let code = 1; code < 255; code++) table.opts[code] = { name: String(code), type: 'UInt8s' } // written as we give them

// RFC 2131 section 2, RFC 2132 section 2
const headerSize = 236
const optionsAt = 240
const cookie = 0x6382_5363
const ops = { request: 1, reply: 2 } as const
const ethernet = 1
const broadcastFlag = 0x8000
const pad = 0
const end = 255
const fileAt = 108
const nameAt = 44

const leastLength = 300 // what BOOTP clients and relays expect, RFC 1542 section 2.1
const longestOption = 255

/** Throws a DecodeError on anything that is no message of an Ethernet host. */
export function decodeMessage(bytes: Uint8Array): Message4 {
  if (bytes.length < optionsAt) throw new DecodeError(`a DHCPv4 message of ${bytes.length} octets`)
  const header = headerOf(bytes)
  if (header.magicCookie !== cookie) throw new DecodeError('a BOOTP message without options of DHCP')
  const op = header.op === ops.request ? 'request' : header.op === ops.reply ? 'reply' : undefined
  if (!op) throw new DecodeError(`${header.op} is no operation`)
  return {
    op,
    xid: header.xid,
    broadcast: (header.flags & broadcastFlag) !== 0,
    ciaddr: parseIp4(header.ciaddr),
    yiaddr: parseIp4(header.yiaddr),
    giaddr: parseIp4(header.giaddr),
    mac: parseMac(header.chaddr.replaceAll('-', ':')),
    options: optionsOf(bytes),
  }
}

/** The header alone goes to the package: with no options it reads no octet that we haven't seen is there. */
function headerOf(bytes: Uint8Array): ReturnType<typeof protocol.parse> {
  const alone = Buffer.alloc(optionsAt + 1, end)
  alone.set(bytes.subarray(0, optionsAt))
  try {
    return protocol.parse(alone)
  } catch (error) {
    throw new DecodeError(messageOf(error), { cause: error }) // a hardware address that is none of Ethernet
  }
}

/** Several options with one code are parts of one. RFC 3396 section 7. */
function optionsOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>()
  readOptions(new Reader(bytes, optionsAt), options)
  const overload = options.get(option.overload)?.[0] ?? 0 // RFC 2132 section 9.3
  if ((overload & 1) !== 0) readOptions(new Reader(bytes, fileAt, headerSize), options)
  if ((overload & 2) !== 0) readOptions(new Reader(bytes, nameAt, fileAt), options)
  return options
}

function readOptions(reader: Reader, options: Map<number, Uint8Array>): void {
  while (reader.left > 0) {
    const code = reader.u8()
    if (code === pad) continue
    if (code === end) return
    const part = reader.bytes(reader.u8())
    const before = options.get(code)
    options.set(code, before ? Uint8Array.from([...before, ...part]) : part.slice())
  }
}

/** Throws a RangeError where an option is longer than 255 octets: none of ours is. */
export function encodeMessage(message: Message4): Uint8Array {
  const options: Record<number, number[]> = {}
  for (const [code, value] of message.options) {
    if (value.length > longestOption) throw new RangeError(`option ${code} of ${value.length} octets`)
    options[code] = [...value]
  }
  const { _data: data, _w: length } = protocol.format({
    op: ops[message.op],
    htype: ethernet,
    hlen: 6,
    hops: 0,
    xid: message.xid,
    secs: 0,
    flags: message.broadcast ? broadcastFlag : 0,
    ciaddr: formatIp4(message.ciaddr),
    yiaddr: formatIp4(message.yiaddr),
    siaddr: '0.0.0.0',
    giaddr: formatIp4(message.giaddr),
    chaddr: message.mac,
    sname: '',
    file: '',
    options,
  })
  return Uint8Array.from(data.subarray(0, Math.max(length, leastLength))) // zeros behind the end
}
