/**
 * The C library through FFI: the socket calls that Node doesn't have. Structures are laid out by hand for 64-bit little-endian
 * Linux, where x64 and arm64 agree byte for byte.
 */
import { endianness, constants as os } from 'node:os'
import koffi from 'koffi'
import { KernelError } from '../base/errors.ts'

if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64'].includes(process.arch))
  throw new Error(`siteplane runs on Linux on x64 and arm64, not on ${process.platform} on ${process.arch}`)

const library = koffi.load(null) // the process itself: whichever libc Node was linked with

const syscall = library.func('intptr_t syscall(intptr_t number, int what, void *attributes, uint32_t size)')

/** Each returns -1 on failure; `errnoName` then says why, until the next call. Pointers are typed arrays. */
export const libc = {
  socket: library.func('int socket(int domain, int type, int protocol)') as (
    domain: number,
    type: number,
    protocol: number,
  ) => number,
  bind: library.func('int bind(int fd, const void *address, uint32_t length)') as (
    fd: number,
    address: Uint8Array,
    length: number,
  ) => number,
  getsockname: library.func('int getsockname(int fd, void *address, void *length)') as (
    fd: number,
    address: Uint8Array,
    length: Uint32Array,
  ) => number,
  setsockopt: library.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)') as (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: number,
  ) => number,
  sendto: library.func(
    'intptr_t sendto(int fd, const void *data, size_t size, int flags, const void *address, uint32_t length)',
  ) as (
    fd: number,
    data: Uint8Array,
    size: number,
    flags: number,
    address: Uint8Array | null,
    length: number,
  ) => number,
  recvmmsg: library.func('int recvmmsg(int fd, void *vector, uint32_t count, int flags, void *timeout)') as (
    fd: number,
    vector: Uint8Array,
    count: number,
    flags: number,
    timeout: null,
  ) => number,
  sendmmsg: library.func('int sendmmsg(int fd, void *vector, uint32_t count, int flags)') as (
    fd: number,
    vector: Uint8Array,
    count: number,
    flags: number,
  ) => number,
  close: library.func('int close(int fd)') as (fd: number) => number,
  bpf: syscall as (number: number, command: number, attributes: Uint8Array, size: number) => number | bigint,
  schedSetattr: syscall as (number: number, thread: number, attributes: Uint8Array, flags: 0) => number | bigint,
  mmap: library.func('uintptr_t mmap(void *at, size_t size, int protection, int flags, int fd, intptr_t offset)') as (
    at: null,
    size: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number | bigint,
  munmap: library.func('int munmap(uintptr_t address, size_t size)') as (address: bigint, size: number) => number,
}

const held = new Set<Uint8Array>() // what a thread reads

/** `libc.bpf` on a thread of its own. Resolves to undefined, or to the name of the error. */
export function bpfAside(
  number: number,
  command: number,
  attributes: Uint8Array,
  size: number,
): Promise<string | undefined> {
  held.add(attributes)
  return new Promise((resolve, reject) => {
    syscall.async(number, command, attributes, size, (error: Error | null, result: number | bigint) => {
      held.delete(attributes)
      if (error) reject(error)
      else resolve(Number(result) < 0 ? errnoName() : undefined) // koffi brings the thread's errno along
    })
  })
}

/** Where an array's first octet lies in memory. The array must have a buffer of its own and outlive every use of the number. */
export function addressOf(bytes: ArrayBufferView): bigint {
  return BigInt(koffi.address(bytes))
}

const names = new Map<number, string>(Object.entries(os.errno).map(([name, value]) => [value, name]))
names.set(os.errno.EAGAIN, 'EAGAIN') // also EWOULDBLOCK
names.set(os.errno.EOPNOTSUPP, 'EOPNOTSUPP') // also ENOTSUP

/** The name of an error number, such as `EPERM`. */
export function nameOfErrno(value: number): string {
  return names.get(value) ?? `errno ${value}`
}

/** Why the last call failed. */
export function errnoName(): string {
  return nameOfErrno(koffi.errno())
}

/** Passes a result on, or throws a KernelError where it is negative. */
export function check(result: number, op: string, target: string): number {
  if (result < 0) throw new KernelError(op, target, errnoName())
  return result
}
