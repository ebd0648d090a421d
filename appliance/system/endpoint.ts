/** The sockets' shapes, apart from how they are opened, so that a test's stand-in needs no FFI. */
import type { KernelError } from '../base/errors.ts'
import type { Ip6 } from '../base/ip6.ts'

/** A link of this network namespace, as a socket needs it. */
export interface LinkRef {
  readonly name: string
  readonly index: number
}

/** A message that did not leave, by its index in the batch. */
export interface SendFailure {
  readonly index: number
  readonly errno: string
}

/** A socket bound to one link that reads and writes in batches. */
export interface Endpoint<In, Out> extends Disposable {
  /**
   * One listener; hears everything that was read in one turn of the event loop. Bytes are valid only during the call unless
   * copied. Errors of the socket (such as ENETDOWN) are told and survived.
   */
  listen(onBatch: (batch: readonly In[]) => void, onError: (error: KernelError) => void): void
  /** Returns what did not leave; never throws for a message (ENOBUFS, ENETDOWN, EADDRNOTAVAIL and their like). */
  send(batch: readonly Out[]): readonly SendFailure[]
  close(): void
}

/** A datagram, who sent it, whom it was sent to, and the index of the link it came in by. */
export interface UdpIn {
  readonly bytes: Uint8Array
  readonly address: Ip6
  readonly destination: Ip6 // one of ours, or a group
  readonly port: number
  readonly link: number
}

/** Leaves by the link that the socket is bound to. */
export interface UdpOut {
  readonly bytes: Uint8Array
  readonly address: Ip6
  readonly port: number
}

/** A message from its ICMPv6 type on. The kernel has verified the checksum; fragments never get here (RFC 6980 section 5). */
export interface IcmpIn {
  readonly bytes: Uint8Array
  readonly source: Ip6
  readonly destination: Ip6
  readonly hopLimit: number
  readonly link: number // index of the link it came in by
}

/** A message from its type on; the kernel writes the checksum. */
export interface IcmpOut {
  readonly bytes: Uint8Array
  readonly destination: Ip6
  readonly source?: Ip6 // one of the link's addresses; otherwise the kernel's choice
  readonly hopLimit?: number // 255 unless given
  readonly routerAlert?: boolean
}

/** A whole Ethernet frame, without its checksum. */
export interface FrameIn {
  readonly frame: Uint8Array
  readonly outgoing: boolean // one of this machine's own; only where asked for
}

export interface FrameOut {
  readonly frame: Uint8Array
}

/** One instruction of a classic BPF filter, as in `struct sock_filter`. */
export interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}
