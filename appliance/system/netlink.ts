import { KernelError } from '../base/errors.ts'
import { check, errnoName, libc } from './libc.ts'
import { Watch } from './poll.ts'
import { configured, Socket, so } from './socket.ts'
import { MessageVector } from './vector.ts'

/** linux/netlink.h */
const netlink = { level: 270, ADD_MEMBERSHIP: 1, CAP_ACK: 10, EXT_ACK: 11, GET_STRICT_CHK: 12 } as const

/** struct sockaddr_nl: nl_family 0, nl_pid 4, nl_groups 8. */
const sockaddrSize = 12
const slots = 32
const longest = 32_768 // the kernel makes no longer datagrams for a dump
const roundsPerTurn = 8

/** A netlink socket as the kernel gives it: datagrams of one or more messages. */
export interface NetlinkEndpoint extends Disposable {
  readonly port: number // nl_pid, unique in the namespace
  /** One listener for each datagram; `bytes` are valid only during the call. ENOBUFS tells that events were lost. */
  listen(onDatagram: (bytes: Uint8Array) => void, onError: (error: KernelError) => void): void
  /** Sends one datagram to the kernel. Throws a KernelError. */
  send(datagram: Uint8Array): void
  /** Joins a multicast group by number, above 32 too. Throws a KernelError. */
  join(group: number): void
  /** Whether the socket keeps the process alive. */
  ref(): void
  unref(): void
  close(): void
}

/** A netlink socket of the namespace the process is in. `protocol` 0 is rtnetlink. Throws a KernelError. */
export function openNetlink(options: { readonly protocol: number; readonly receiveBuffer: number }): NetlinkEndpoint {
  const socket = configured(new Socket(so.AF_NETLINK, so.SOCK_RAW, options.protocol, 'netlink'), s => {
    s.receiveBuffer(options.receiveBuffer)
    s.trySet(netlink.level, netlink.CAP_ACK, 1) // errors needn't carry our request back
    s.trySet(netlink.level, netlink.EXT_ACK, 1) // but a sentence of why
    s.trySet(netlink.level, netlink.GET_STRICT_CHK, 1) // dumps that the kernel filters
    const any = new Uint8Array(new ArrayBuffer(sockaddrSize))
    new DataView(any.buffer).setUint16(0, so.AF_NETLINK, true)
    s.bind(any, 'bind')
  })
  return new Endpoint(socket, portOf(socket))
}

function portOf(socket: Socket): number {
  const name = new Uint8Array(new ArrayBuffer(sockaddrSize))
  check(libc.getsockname(socket.fd, name, Uint32Array.of(sockaddrSize)), 'read the port of', 'netlink')
  return new DataView(name.buffer).getUint32(4, true)
}

class Endpoint implements NetlinkEndpoint {
  readonly port: number
  readonly #socket: Socket
  readonly #vector = new MessageVector({ slots, size: longest, name: 0, control: 0 })
  #watch: Watch | undefined

  constructor(socket: Socket, port: number) {
    this.#socket = socket
    this.port = port
  }

  listen(onDatagram: (bytes: Uint8Array) => void, onError: (error: KernelError) => void): void {
    if (this.#watch) throw new Error('an endpoint has one listener')
    this.#watch = new Watch(this.#socket.fd, () => this.#drain(onDatagram, onError))
  }

  send(datagram: Uint8Array): void {
    this.#mustBeOpen('send to')
    check(libc.sendto(this.#socket.fd, datagram, datagram.length, so.MSG_DONTWAIT, null, 0), 'send to', 'netlink')
  }

  join(group: number): void {
    this.#mustBeOpen('join a group of')
    this.#socket.set(netlink.level, netlink.ADD_MEMBERSHIP, group, `join group ${group} of`)
  }

  ref(): void {
    this.#watch?.ref()
  }

  unref(): void {
    this.#watch?.unref()
  }

  close(): void {
    this.#watch?.close()
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** The number of a closed descriptor may be someone else's by now. */
  #mustBeOpen(op: string): void {
    if (!this.#socket.open) throw new KernelError(op, 'netlink', 'EBADF')
  }

  #drain(onDatagram: (bytes: Uint8Array) => void, onError: (error: KernelError) => void): void {
    for (let round = 0; round < roundsPerTurn && this.#socket.open; round++) {
      this.#vector.reset()
      const count = libc.recvmmsg(this.#socket.fd, this.#vector.headers, slots, so.MSG_DONTWAIT, null)
      if (count < 0) {
        const errno = errnoName()
        if (errno === 'EAGAIN') return
        if (errno !== 'EINTR') onError(new KernelError('receive on', 'netlink', errno))
        continue // after ENOBUFS there is more to read
      }
      for (let i = 0; i < count; i++) {
        const bytes = this.#vector.payload(i)
        if (bytes) onDatagram(bytes)
        else onError(new KernelError('receive on', 'netlink', 'EMSGSIZE'))
      }
      if (count < slots) return
    }
  }
}
