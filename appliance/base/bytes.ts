/** Bytes that are not what their protocol says they must be. The message is a sentence for a debug log. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  readonly code = 'DECODE'
}

/** Reads network byte order, front to back. Every read past the end throws a DecodeError, so that decoders read straight down. */
export class Reader {
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Octets not yet read. */
  get left(): number {
    return this.#end - this.#at
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!
  }

  u16(): number {
    const at = this.#take(2)
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!
  }

  u24(): number {
    const at = this.#take(3)
    return (this.#bytes[at]! << 16) | (this.#bytes[at + 1]! << 8) | this.#bytes[at + 2]!
  }

  u32(): number {
    const at = this.#take(4)
    const b = this.#bytes
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0
  }

  /** A view of the next `count` octets, not a copy: keep it only as long as the packet. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count)
    return this.#bytes.subarray(at, at + count)
  }

  /** A reader of the next `count` octets, which this one skips. */
  sub(count: number): Reader {
    const at = this.#take(count)
    return new Reader(this.#bytes, at, at + count)
  }

  /** A second reader of all that is left. */
  fork(): Reader {
    return new Reader(this.#bytes, this.#at, this.#end)
  }

  skip(count: number): this {
    this.#take(count)
    return this
  }

  #take(count: number): number {
    const at = this.#at
    if (count < 0 || at + count > this.#end) throw new DecodeError(`${count} octets wanted where ${this.left} are left`)
    this.#at = at + count
    return at
  }
}

/** Writes network byte order into a buffer that grows. Every method returns the writer, so that an encoder reads like the figure. */
export class Writer {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = pooled(capacity)
  }

  /** Octets written so far. */
  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    const at = this.#grow(1)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value
    return this
  }

  u24(value: number): this {
    return this.u8(value >>> 16).u16(value & 0xffff)
  }

  u32(value: number): this {
    const at = this.#grow(4)
    const b = this.#bytes
    b[at] = value >>> 24
    b[at + 1] = value >>> 16
    b[at + 2] = value >>> 8
    b[at + 3] = value
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  zeros(count: number): this {
    const at = this.#grow(count)
    this.#bytes.fill(0, at, at + count)
    return this
  }

  /** Writes `body`, preceded by its length in a u16. As in every type-length-value option of DHCPv6. */
  sized16(body: (out: Writer) => void): this {
    const start = this.begin16()
    body(this)
    return this.end16(start)
  }

  /** The same in two steps, where a function for each would be much: what `begin16` returns goes to `end16`. */
  begin16(): number {
    return this.#grow(2)
  }

  end16(start: number): this {
    const size = this.#length - start - 2
    this.#bytes[start] = size >>> 8
    this.#bytes[start + 1] = size
    return this
  }

  /** Overwrites one octet already written. */
  patch8(at: number, value: number): this {
    if (at >= this.#length) throw new RangeError(`octet ${at} of ${this.#length} is not written yet`)
    this.#bytes[at] = value
    return this
  }

  /** What was written, as a copy of its own. */
  take(): Uint8Array {
    return copied(this.#bytes.subarray(0, this.#length))
  }

  #grow(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const wider = pooled(Math.max(this.#length, this.#bytes.length * 2))
      wider.set(this.#bytes.subarray(0, at))
      this.#bytes = wider
    }
    return at
  }
}

/** Octets of anything, out of Node's pool: an array with memory of its own costs a microsecond, and the collector another. */
function pooled(length: number): Uint8Array {
  const { buffer, byteOffset } = Buffer.allocUnsafe(length)
  return new Uint8Array(buffer, byteOffset, length)
}

/** The same octets in memory that nobody else writes to. */
export function copied(bytes: Uint8Array): Uint8Array {
  const copy = pooled(bytes.length)
  copy.set(bytes)
  return copy
}

/** `01 02ff` to octets; blanks and colons are ignored. For golden bytes, secrets in files and identifiers. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1)
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const value = digitOf[code] ?? notHex
    if (value === notHex) throw new DecodeError(`${text} is not pairs of hex digits`)
    if (value === separates) continue
    bytes[digits >> 1] = (bytes[digits >> 1]! << 4) | value
    digits++
  }
  if (digits % 2 !== 0) throw new DecodeError(`${text} is not pairs of hex digits`)
  return digits === text.length ? bytes : bytes.slice(0, digits >> 1)
}
const notHex = 0xff
const separates = 0xfe
const digitOf = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/[\s:]/.test(character)) return separates
  const value = Number.parseInt(character, 16)
  return Number.isNaN(value) ? notHex : value
})

/** Octets to lower-case hex, with `separator`, a character or none, between octets. */
export function toHex(bytes: Uint8Array, separator = ''): string {
  const line = bytes.length * 3 <= shortLine.length ? shortLine : Buffer.allocUnsafe(bytes.length * 3)
  const between = separator === '' ? undefined : separator.charCodeAt(0)
  let at = 0
  for (let i = 0; i < bytes.length; i++) {
    if (i > 0 && between !== undefined) line[at++] = between
    line[at++] = hexDigits[bytes[i]! >> 4]!
    line[at++] = hexDigits[bytes[i]! & 0xf]!
  }
  return line.toString('latin1', 0, at) // a text put together piece by piece is put together again where it is first read
}
const shortLine = Buffer.alloc(3 * 130)
const hexDigits = Buffer.from('0123456789abcdef', 'latin1')

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
