import type { LinkRef } from './endpoint.ts'
import { configured, Socket, so } from './socket.ts'

/** struct sockaddr_in: sin_family 0, sin_port 2 (big-endian), sin_addr 4, then zeros. ip(7). */
const sockaddrSize = 16

/**
 * Holds a UDP port of IPv4 on one link and hears nothing by it: for what is heard by a packet socket, so that the kernel doesn't tell
 * senders that nobody is there, and a second server on this machine is refused, unless it shares the port. Throws a KernelError
 * (EADDRINUSE where another program has the port).
 */
export function holdPort(link: LinkRef, port: number): Disposable {
  const socket = configured(new Socket(so.AF_INET, so.SOCK_DGRAM, 0, link.name), s => {
    s.bindToLink(link)
    s.set(so.SOL_SOCKET, so.SO_RCVBUF, 0, 'set options of a socket on') // the kernel's least: nobody reads it
    const address = new Uint8Array(new ArrayBuffer(sockaddrSize))
    const view = new DataView(address.buffer)
    view.setUint16(0, so.AF_INET, true)
    view.setUint16(2, port)
    s.bind(address, `bind UDP port ${port} on`)
    s.set(so.SOL_SOCKET, so.SO_REUSEADDR, 1, 'let others share the port on') // for links of theirs: see udp.ts
  })
  return { [Symbol.dispose]: () => socket.close() }
}
