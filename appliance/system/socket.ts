import { KernelError } from '../base/errors.ts'
import type { Endpoint, LinkRef, SendFailure } from './endpoint.ts'
import { check, errnoName, libc } from './libc.ts'
import { Watch } from './poll.ts'
import { MessageVector, type VectorShape } from './vector.ts'

/** Socket numbers of Linux's asm-generic headers, as x64 and arm64 have them. */
export const so = {
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_CLOEXEC: 0o2000000,
  SOCK_NONBLOCK: 0o4000,
  MSG_DONTWAIT: 0x40,
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_REUSEADDR: 2,
  SO_RCVBUF: 8,
  SO_BINDTODEVICE: 25,
  SO_ATTACH_FILTER: 26,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SO_RXQ_OVFL: 40,
} as const

/** A descriptor with its options, before it is read from. Errors are KernelErrors that name the link. */
export class Socket {
  readonly fd: number
  readonly target: string
  #open = true

  constructor(domain: number, type: number, protocol: number, target: string) {
    this.target = target
    this.fd = check(
      libc.socket(domain, type | so.SOCK_CLOEXEC | so.SOCK_NONBLOCK, protocol),
      'open a socket for',
      target,
    )
  }

  get open(): boolean {
    return this.#open
  }

  set(level: number, name: number, value: Uint8Array | number, op: string): void {
    const bytes = typeof value === 'number' ? int32(value) : value
    check(libc.setsockopt(this.fd, level, name, bytes, bytes.length), op, this.target)
  }

  /** The same, where the kernel may be too old for it or we may lack the capability: says whether it worked. */
  trySet(level: number, name: number, value: Uint8Array | number): boolean {
    const bytes = typeof value === 'number' ? int32(value) : value
    return libc.setsockopt(this.fd, level, name, bytes, bytes.length) >= 0
  }

  /** Everything that is sent and received goes through this link. Names are at most 15 octets. */
  bindToLink(link: LinkRef): void {
    this.set(so.SOL_SOCKET, so.SO_BINDTODEVICE, new TextEncoder().encode(`${link.name}\0`), 'bind a socket to')
  }

  /** The forced option passes the system's limit; without CAP_NET_ADMIN the ordinary one takes what the limit allows. */
  receiveBuffer(octets: number): void {
    if (!this.trySet(so.SOL_SOCKET, so.SO_RCVBUFFORCE, octets)) this.trySet(so.SOL_SOCKET, so.SO_RCVBUF, octets)
  }

  bind(address: Uint8Array, op = 'bind a socket on'): void {
    check(libc.bind(this.fd, address, address.length), op, this.target)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    libc.close(this.fd)
  }
}

/** Runs a set-up and closes the socket if it throws. */
export function configured(socket: Socket, configure: (socket: Socket) => void): Socket {
  try {
    configure(socket)
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

/** A value of C's `int`, in memory that FFI may point at. */
export function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}

/** How one kind of socket reads and writes a slot of the vector. */
export interface Dialect<In, Out> {
  readonly receive: VectorShape
  readonly transmit: VectorShape
  /** The message in a slot, or undefined where it is none of ours. */
  read(vector: MessageVector, i: number, payload: Uint8Array): In | undefined
  /** Fills a slot; false where the message is too long. */
  write(vector: MessageVector, i: number, message: Out): boolean
}

const roundsPerTurn = 8 // so that a flood on one socket leaves the others their turn

/** An Endpoint over any socket, with the dialect of its kind. */
export class BatchEndpoint<In, Out> implements Endpoint<In, Out> {
  readonly #socket: Socket
  readonly #dialect: Dialect<In, Out>
  readonly #receive: MessageVector
  readonly #transmit: MessageVector
  #watch: Watch | undefined
  #written: number // slots that the kernel may have written since they were made ready

  constructor(socket: Socket, dialect: Dialect<In, Out>) {
    this.#socket = socket
    this.#dialect = dialect
    this.#receive = new MessageVector(dialect.receive)
    this.#written = dialect.receive.slots
    this.#transmit = new MessageVector(dialect.transmit)
  }

  listen(onBatch: (batch: readonly In[]) => void, onError: (error: KernelError) => void): void {
    if (this.#watch) throw new Error('an endpoint has one listener')
    this.#watch = new Watch(this.#socket.fd, () => this.#drain(onBatch, onError))
  }

  send(batch: readonly Out[]): readonly SendFailure[] {
    const failures: SendFailure[] = []
    const { slots } = this.#transmit.shape
    for (let start = 0; start < batch.length; start += slots)
      this.#sendSome(batch.slice(start, start + slots), start, failures)
    return failures
  }

  close(): void {
    this.#watch?.close()
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #drain(onBatch: (batch: readonly In[]) => void, onError: (error: KernelError) => void): void {
    for (let round = 0; round < roundsPerTurn && this.#socket.open; round++) {
      const { slots } = this.#receive.shape
      this.#receive.reset(this.#written)
      const count = libc.recvmmsg(this.#socket.fd, this.#receive.headers, slots, so.MSG_DONTWAIT, null)
      this.#written = Math.min(slots, Math.max(0, count) + 1)
      if (count < 0) {
        const errno = errnoName()
        if (errno === 'EINTR') continue
        if (errno !== 'EAGAIN') onError(new KernelError('receive on', this.#socket.target, errno))
        return
      }
      const batch: In[] = []
      for (let i = 0; i < count; i++) {
        const payload = this.#receive.payload(i)
        const message = payload && this.#dialect.read(this.#receive, i, payload)
        if (message !== undefined) batch.push(message)
      }
      if (batch.length > 0) onBatch(batch)
      if (count < slots) return
    }
  }

  #sendSome(batch: readonly Out[], start: number, failures: SendFailure[]): void {
    if (!this.#socket.open) {
      failures.push(...batch.map((_, i) => ({ index: start + i, errno: 'EBADF' })))
      return
    }
    const filled: number[] = [] // slot to index in the batch
    batch.forEach((message, i) => {
      if (this.#dialect.write(this.#transmit, filled.length, message)) filled.push(i)
      else failures.push({ index: start + i, errno: 'EMSGSIZE' })
    })
    for (let slot = 0; slot < filled.length; ) {
      const sent = libc.sendmmsg(this.#socket.fd, this.#transmit.from(slot), filled.length - slot, so.MSG_DONTWAIT)
      if (sent > 0) slot += sent
      else {
        // The call tells the error only of the first message it tried: note it, and go on with the next.
        const errno = errnoName()
        if (errno !== 'EINTR') failures.push({ index: start + filled[slot++]!, errno })
      }
    }
  }
}
