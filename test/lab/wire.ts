/**
 * Frames on a link of the lab as they are: sent by hand, and heard where the kernel's protocols hear them, behind all classifiers.
 */
import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'
import type { Endpoint, LinkRef } from '../../appliance/system/endpoint.ts'
import { BatchEndpoint, configured, type Dialect, Socket, so } from '../../appliance/system/socket.ts'
import type { Host } from './host.ts'

const setns = koffi.load('libc.so.6').func('int setns(int fd, int kind)') as (fd: number, kind: number) => number
const networkNamespace = 0x4000_0000 // CLONE_NEWNET

/** Opens something in the namespace of a host: a socket stays where it was made. */
function at<T>(host: Host, open: () => T): T {
  const own = openSync('/proc/thread-self/ns/net', 'r')
  const theirs = openSync(`/run/netns/${host.netns}`, 'r')
  try {
    if (setns(theirs, networkNamespace) !== 0) throw new Error(`can't enter ${host.netns}`)
    return open()
  } finally {
    if (setns(own, networkNamespace) !== 0) process.exit(1) // everything that follows would be in the wrong place
    closeSync(theirs)
    closeSync(own)
  }
}

const longest = 16_384
const dialect: Dialect<Uint8Array, Uint8Array> = {
  receive: { slots: 64, size: longest, name: 20, control: 0 },
  transmit: { slots: 64, size: longest, name: 0, control: 0 },
  read: (_, __, frame) => frame.slice(),
  write: (vector, i, frame) => vector.fill(i, frame, 0),
}

type RawEndpoint = Endpoint<Uint8Array, Uint8Array>

/** One link, seen by whoever is on it with root's rights. */
export class Wire implements Disposable {
  readonly #host: Host
  readonly #link: LinkRef
  readonly #endpoints = new Map<number, RawEndpoint>() // by EtherType

  private constructor(host: Host, link: LinkRef) {
    this.#host = host
    this.#link = link
  }

  static async on(host: Host, name: string): Promise<Wire> {
    const [link] = await host.ip<{ ifindex: number }>('link', 'show', name)
    return new Wire(host, { name, index: link!.ifindex })
  }

  /** Sends frames, each under the EtherType that it has. Rejects where one doesn't leave. */
  send(...frames: readonly Uint8Array[]): void {
    for (const [etherType, group] of Map.groupBy(frames, typeOf)) {
      const failures = this.#endpoint(etherType).send(group)
      if (failures.length > 0) throw new Error(`${failures.length} frames did not leave: ${failures[0]!.errno}`)
    }
  }

  /** The frames of one EtherType that come in from now on, without the VLAN tags, which the kernel takes off first. */
  hear(etherType: number): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    this.#endpoint(etherType).listen(
      batch => frames.push(...batch),
      () => undefined,
    )
    return frames
  }

  [Symbol.dispose](): void {
    for (const endpoint of this.#endpoints.values()) endpoint.close()
  }

  #endpoint(etherType: number): RawEndpoint {
    let endpoint = this.#endpoints.get(etherType)
    if (!endpoint) {
      endpoint = at(this.#host, () => open(this.#link, etherType))
      this.#endpoints.set(etherType, endpoint)
    }
    return endpoint
  }
}

const typeOf = (frame: Uint8Array) => (frame[12]! << 8) | frame[13]!

function open(link: LinkRef, etherType: number): RawEndpoint {
  const address = new DataView(new ArrayBuffer(20)) // struct sockaddr_ll: family 0, protocol 2, index 4
  address.setUint16(0, so.AF_PACKET, true)
  address.setUint16(2, etherType)
  address.setInt32(4, link.index, true)
  const socket = configured(new Socket(so.AF_PACKET, so.SOCK_RAW, 0, link.name), s => {
    s.receiveBuffer(4 << 20)
    s.bind(new Uint8Array(address.buffer))
  })
  return new BatchEndpoint(socket, dialect)
}
