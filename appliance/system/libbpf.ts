/**
 * BPF through libbpf.so.1: objects are loaded with constants of their own, maps are read where the kernel keeps them. Nothing
 * here knows what a program does.
 */
import koffi, { type LibraryHandle } from 'koffi'
import { KernelError } from '../base/errors.ts'
import { check, errnoName, libc, nameOfErrno } from './libc.ts'

type Pointer = unknown
type Library = ReturnType<typeof bind>

let library: Library | undefined

/** The library, loaded when it is first needed. Throws a KernelError where the machine lacks it. */
function libbpf(): Library {
  try {
    library ??= bind(koffi.load('libbpf.so.1'))
  } catch (error) {
    throw new KernelError('load', 'libbpf.so.1 (Debian package libbpf1)', 'ENOENT', { cause: error })
  }
  return library
}

function bind(so: LibraryHandle) {
  const names = {
    print: 'void *libbpf_set_print(void *print)',
    open: 'void *bpf_object__open_mem(const void *bytes, size_t size, const void *options)',
    load: 'int bpf_object__load(void *object)',
    close: 'void bpf_object__close(void *object)',
    program: 'void *bpf_object__find_program_by_name(void *object, const char *name)',
    nextProgram: 'void *bpf_object__next_program(void *object, void *after)',
    autoload: 'int bpf_program__set_autoload(void *program, bool on)',
    programFd: 'int bpf_program__fd(void *program)',
    map: 'void *bpf_object__find_map_by_name(void *object, const char *name)',
    initial: 'int bpf_map__set_initial_value(void *map, const void *bytes, size_t size)',
    entries: 'int bpf_map__set_max_entries(void *map, uint32_t entries)',
    reuse: 'int bpf_map__reuse_fd(void *map, int fd)',
    mapFd: 'int bpf_map__fd(void *map)',
    update: 'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
    updates: 'int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, void *options)',
    remove: 'int bpf_map_delete_elem(int fd, const void *key)',
    info: 'int bpf_obj_get_info_by_fd(int fd, void *info, void *length)',
    cpus: 'int libbpf_num_possible_cpus()',
  } as const
  const functions = Object.entries(names).map(([name, prototype]) => [name, so.func(prototype)])
  const bound = Object.fromEntries(functions) as Record<keyof typeof names, (...values: unknown[]) => unknown>
  bound.print(null) // its words would go to standard error; what matters of them is in the log of the verifier
  return bound
}

/** How many CPUs the kernel may ever have: the parts of a per-CPU table. */
export function possibleCpus(): number {
  return check(libbpf().cpus() as number, 'count', 'CPUs')
}

export interface ObjectOptions {
  readonly name: string // for errors
  readonly code: Uint8Array // an ELF object
  readonly programs: readonly string[] // the others are not loaded
  readonly constants: Uint8Array | undefined // .rodata, where not the object's own
  readonly entries: Readonly<Record<string, number>> // of maps, where not the object's own
  readonly shared: Readonly<Record<string, number>> // maps of another object, by descriptor
}

/** struct bpf_object_open_opts: sz 0, kernel_log_buf 56, kernel_log_size 64, kernel_log_level 72. */
const openOptionsSize = 80
const logSize = 256 << 10

/** What the kernel said last about a program it refused. */
export class VerifierError extends KernelError {
  readonly lines: readonly string[]

  constructor(target: string, errno: string, lines: readonly string[]) {
    super('load the program', target, errno)
    this.lines = lines
    if (lines.length > 0) this.message += `: ${lines.join(' / ')}`
  }
}

/** The object lacks what is asked of it, or has it in another size: it was built from other sources than whoever asks. */
export class MismatchError extends KernelError {}

/** Programs and maps in the kernel, for as long as this is open or something else in the kernel holds them. */
export class BpfObject implements Disposable {
  readonly #options: ObjectOptions
  readonly #log = new Uint8Array(logSize)
  #object: Pointer

  /** Throws a KernelError: a VerifierError where the kernel refused a program, a MismatchError where there is none. */
  constructor(options: ObjectOptions) {
    this.#options = options
    const { code, name } = options
    const opts = new DataView(new ArrayBuffer(openOptionsSize))
    opts.setBigUint64(0, BigInt(openOptionsSize), true)
    opts.setBigUint64(56, BigInt(koffi.address(this.#log)), true)
    opts.setBigUint64(64, BigInt(logSize), true)
    this.#object = libbpf().open(code, code.length, new Uint8Array(opts.buffer))
    if (!this.#object) throw new KernelError('open the object', name, errnoName())
    try {
      this.#prepare()
      this.#load()
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  program(name: string): number {
    return check(libbpf().programFd(libbpf().program(this.#object, name)) as number, 'find the program', name)
  }

  map(name: string): number {
    return check(libbpf().mapFd(this.#find(name)) as number, 'find the map', name)
  }

  /** The programs that something in the kernel holds go on. */
  [Symbol.dispose](): void {
    if (this.#object) libbpf().close(this.#object)
    this.#object = undefined
  }

  #prepare(): void {
    const { programs, constants, entries, shared } = this.#options
    const bpf = libbpf()
    for (let each = bpf.nextProgram(this.#object, null); each; each = bpf.nextProgram(this.#object, each))
      bpf.autoload(each, false)
    for (const name of programs) bpf.autoload(this.#named(bpf.program(this.#object, name), name), true)
    if (constants && (bpf.initial(this.#find('.rodata'), constants, constants.length) as number) < 0)
      throw new MismatchError('set the constants of', this.#options.name, 'EINVAL')
    for (const [name, count] of Object.entries(entries))
      this.#done(bpf.entries(this.#find(name), count), `size the map ${name} of`)
    for (const [name, fd] of Object.entries(shared))
      this.#done(bpf.reuse(this.#find(name), fd), `share the map ${name} of`)
  }

  #load(): void {
    const result = libbpf().load(this.#object) as number
    if (result >= 0) return
    throw new VerifierError(this.#options.name, nameOfErrno(-result), lastLines(this.#log))
  }

  #find(name: string): Pointer {
    return this.#named(libbpf().map(this.#object, name), name)
  }

  #named(found: Pointer, name: string): Pointer {
    if (!found) throw new MismatchError('find', `${name} in ${this.#options.name}`, 'ENOENT')
    return found
  }

  #done(result: unknown, op: string): void {
    const errno = result as number
    if (errno < 0) throw new KernelError(op, this.#options.name, nameOfErrno(-errno))
  }
}

/** The verifier ends with the instruction it stumbled over, the reason, and statistics that help nobody. */
function lastLines(log: Uint8Array): string[] {
  const text = Buffer.from(log.subarray(0, log.indexOf(0))).toString('utf8')
  const lines = text
    .split('\n')
    .filter(line => line.trim() !== '' && !/^(processed|verification time|stack depth|max_states)/.test(line))
  return lines.slice(-3).map(line => line.trim())
}

/** What the kernel calls a loaded program: its number, which filters show. struct bpf_prog_info: type 0, id 4. */
export function programId(fd: number): number {
  const info = new Uint32Array(64)
  check(libbpf().info(fd, info, Uint32Array.of(info.byteLength)) as number, 'look up', 'a program')
  return info[1]!
}

/** Keys and values as they lie in memory. */
export function updateMap(fd: number, key: Uint8Array, value: Uint8Array): void {
  check(libbpf().update(fd, key, value, 0) as number, 'write', 'a map')
}

/** A key that is not there is no error. */
export function removeFromMap(fd: number, key: Uint8Array): void {
  libbpf().remove(fd, key)
}

/** Many at once. Throws a KernelError where the map is full. */
export function updateMapBatch(fd: number, keys: Uint8Array, values: Uint8Array, count: number): void {
  if (count === 0) return
  check(libbpf().updates(fd, keys, values, Uint32Array.of(count), null) as number, 'write', 'a map')
}

/** The memory of a mappable array: it changes under the reader's eyes, and costs no system call. */
export class MappedMap implements Disposable {
  readonly #address: bigint
  readonly #size: number
  #bytes: ArrayBuffer | undefined

  /** `size` in octets, as the map has it. Throws a KernelError. */
  constructor(fd: number, size: number) {
    this.#size = size
    this.#address = BigInt(libc.mmap(null, size, protRead, mapShared, fd, 0))
    if (this.#address === mapFailed) throw new KernelError('map', 'the counters', errnoName())
    this.#bytes = koffi.view(this.#address, size)
  }

  get bytes(): ArrayBuffer {
    if (!this.#bytes) throw new Error('the map is closed')
    return this.#bytes
  }

  [Symbol.dispose](): void {
    if (!this.#bytes) return
    this.#bytes = undefined
    libc.munmap(this.#address, this.#size)
  }
}

const protRead = 1
const mapShared = 1
const mapFailed = 0xffff_ffff_ffff_ffffn
