import { libc } from './libc.ts'
import { so } from './socket.ts'

const unix = 1 // AF_UNIX

/**
 * Tells the service manager, such as `READY=1` or `STATUS=…` (lines separated by newlines). False where there is none or it can't
 * be reached: never an error, since nothing depends on it. See sd_notify(3).
 */
export function sdNotify(text: string, path = process.env['NOTIFY_SOCKET']): boolean {
  if (!path || !/^[/@]/.test(path)) return false
  const fd = libc.socket(unix, so.SOCK_DGRAM | so.SOCK_CLOEXEC, 0)
  if (fd < 0) return false
  try {
    const address = unixAddress(path)
    const data = new TextEncoder().encode(text)
    return libc.sendto(fd, data, data.length, so.MSG_DONTWAIT, address, address.length) === data.length
  } finally {
    libc.close(fd)
  }
}

/** struct sockaddr_un, as long as its path. `@name` is a name in the abstract namespace: a zero octet first, none at the end. */
function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  const bytes = new Uint8Array(new ArrayBuffer(2 + name.length))
  new DataView(bytes.buffer).setUint16(0, unix, true)
  bytes.set(name, 2)
  return bytes
}
