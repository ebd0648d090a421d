import { addressOf } from './libc.ts'

/*
 * struct mmsghdr, 64 octets: msg_name 0, msg_namelen 8 (u32), msg_iov 16, msg_iovlen 24, msg_control 32, msg_controllen 40,
 * msg_flags 48 (int), msg_len 56 (u32). struct iovec, 16 octets: iov_base 0, iov_len 8. struct cmsghdr, 16 octets: cmsg_len 0,
 * cmsg_level 8 (int), cmsg_type 12 (int), then data, aligned to 8.
 */
const headerSize = 64
const iovecSize = 16
const controlHeader = 16
const truncatedFlags = 0x20 | 0x08 // MSG_TRUNC, MSG_CTRUNC

const align = (size: number) => (size + 7) & ~7

export interface VectorShape {
  readonly slots: number // messages in one call
  readonly size: number // octets of payload each
  readonly name: number // octets of socket address each
  readonly control: number // octets of ancillary data each
}

/**
 * The memory of recvmmsg and sendmmsg: headers that point at slots of payload, address and ancillary data, all in one buffer that
 * lives as long as this object. Pages that are never touched cost nothing, so slots are generous.
 */
export class MessageVector {
  readonly shape: VectorShape
  readonly headers: Uint8Array
  readonly #view: DataView<ArrayBuffer>
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #payload: number
  readonly #name: number
  readonly #control: number

  constructor(shape: VectorShape) {
    const { slots } = shape
    this.shape = { slots, size: align(shape.size), name: align(shape.name), control: align(shape.control) }
    const iovecs = slots * headerSize
    this.#name = iovecs + slots * iovecSize
    this.#control = this.#name + slots * this.shape.name
    this.#payload = this.#control + slots * this.shape.control
    const buffer = new ArrayBuffer(this.#payload + slots * this.shape.size)
    this.#view = new DataView(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.headers = new Uint8Array(buffer, 0, iovecs)

    const base = addressOf(this.#bytes)
    for (let i = 0; i < slots; i++) {
      const header = i * headerSize
      const iovec = iovecs + i * iovecSize
      if (shape.name > 0) this.#pointer(header, base, this.#name + i * this.shape.name)
      this.#pointer(header + 16, base, iovec)
      this.#number(header + 24, 1)
      if (shape.control > 0) this.#pointer(header + 32, base, this.#control + i * this.shape.control)
      this.#pointer(iovec, base, this.#payload + i * this.shape.size)
      this.#number(iovec + 8, this.shape.size)
    }
  }

  /** Makes the first slots ready to be received into again: the kernel overwrites the lengths each time. */
  reset(slots = this.shape.slots): void {
    for (let i = 0; i < slots; i++) {
      this.#view.setUint32(i * headerSize + 8, this.shape.name, true)
      this.#number(i * headerSize + 40, this.shape.control)
      this.#view.setUint32(i * headerSize + 48, 0, true)
    }
  }

  /** What was received into a slot; undefined where it didn't fit. */
  payload(i: number): Uint8Array | undefined {
    if (this.#view.getUint32(i * headerSize + 48, true) & truncatedFlags) return undefined
    const start = this.#payload + i * this.shape.size
    return this.#bytes.subarray(start, start + this.#view.getUint32(i * headerSize + 56, true))
  }

  /** The socket address of a slot, to read or to write. */
  name(i: number): DataView {
    return new DataView(this.#bytes.buffer, this.#name + i * this.shape.name, this.shape.name)
  }

  /** The data of the ancillary messages of one level in a received slot, by type. */
  control(i: number, level: number): Map<number, DataView> {
    const found = new Map<number, DataView>()
    const start = this.#control + i * this.shape.control
    const end = start + Number(this.#view.getBigUint64(i * headerSize + 40, true))
    for (let at = start; at + controlHeader <= end; ) {
      const length = Number(this.#view.getBigUint64(at, true))
      if (length < controlHeader || at + length > end) break
      if (this.#view.getInt32(at + 8, true) === level)
        found.set(
          this.#view.getInt32(at + 12, true),
          new DataView(this.#bytes.buffer, at + controlHeader, length - controlHeader),
        )
      at += align(length)
    }
    return found
  }

  /** Where in `memory` the data of one ancillary message of a received slot begins, of `size` octets at least; or -1. */
  controlAt(i: number, level: number, type: number, size: number): number {
    const start = this.#control + i * this.shape.control
    const end = start + this.#view.getUint32(i * headerSize + 40, true)
    for (let at = start; at + controlHeader <= end; ) {
      const length = this.#view.getUint32(at, true)
      if (length < controlHeader || at + length > end) break
      const isIt = this.#view.getInt32(at + 8, true) === level && this.#view.getInt32(at + 12, true) === type
      if (isIt) return length >= controlHeader + size ? at + controlHeader : -1
      at += align(length)
    }
    return -1
  }

  /** Where the socket address of a slot begins in `memory`. */
  nameAt(i: number): number {
    return this.#name + i * this.shape.name
  }

  /** All of it, for reads at places that the above gave. */
  get memory(): DataView {
    return this.#view
  }

  /** Fills a slot to be sent; its address is written through `name`. False where the payload doesn't fit. */
  fill(i: number, payload: Uint8Array, nameLength: number, control: readonly ControlMessage[] = []): boolean {
    if (payload.length > this.shape.size) return false
    this.#bytes.set(payload, this.#payload + i * this.shape.size)
    const header = i * headerSize
    this.#number(this.shape.slots * headerSize + i * iovecSize + 8, payload.length)
    this.#view.setUint32(header + 8, nameLength, true)

    const start = this.#control + i * this.shape.control
    let at = start
    for (const { level, type, data } of control) {
      const length = controlHeader + data.length
      this.#number(at, length)
      this.#view.setInt32(at + 8, level, true)
      this.#view.setInt32(at + 12, type, true)
      this.#bytes.set(data, at + controlHeader)
      at += align(length)
    }
    this.#number(header + 40, at - start)
    return true
  }

  /** The headers from slot `i` on, for the system call. */
  from(i: number): Uint8Array {
    return this.headers.subarray(i * headerSize)
  }

  #pointer(at: number, base: bigint, offset: number): void {
    this.#view.setBigUint64(at, base + BigInt(offset), true)
  }

  #number(at: number, value: number): void {
    this.#view.setBigUint64(at, BigInt(value), true)
  }
}

/** One ancillary message to be sent. */
export interface ControlMessage {
  readonly level: number
  readonly type: number
  readonly data: Uint8Array
}
