import koffi from 'koffi'

/** koffi's handle as it is; its own types are wrong about the callback. */
interface Handle {
  close(): void
  ref(): void
  unref(): void
}
type Poll = (
  fd: number,
  what: { readable: boolean },
  callback: (status: number, events: { readonly readable: boolean }) => void,
) => Handle
const poll = koffi.node.poll as unknown as Poll

/** Whatever is watched is held here: a handle that nothing holds is collected, and its events stop without a word. */
const watched = new Set<Watch>()

/** Calls `onReadable` whenever a descriptor has something to read, or an error to fetch by reading, until closed. */
export class Watch {
  readonly #fd: number
  readonly #onReadable: () => void
  #handle: Handle | undefined
  #referenced = true
  #pending = false

  constructor(fd: number, onReadable: () => void) {
    this.#fd = fd
    this.#onReadable = onReadable
    watched.add(this)
    this.#start()
  }

  ref(): void {
    this.#referenced = true
    this.#handle?.ref()
  }

  /** An unreferenced watch does not keep the process alive. */
  unref(): void {
    this.#referenced = false
    this.#handle?.unref()
  }

  close(): void {
    watched.delete(this)
    this.#handle?.close()
    this.#handle = undefined
  }

  #start(): void {
    this.#handle = poll(this.#fd, { readable: true }, status => this.#wake(status < 0))
    if (!this.#referenced) this.#handle.unref()
  }

  /**
   * koffi calls this outside of Node's callback scope: what is thrown here ends the process, and promises resolved here would
   * wait for some other event. So the work is done by an immediate, which runs in the same turn of the loop, right after it.
   */
  #wake(stopped: boolean): void {
    if (this.#pending) return
    this.#pending = true
    setImmediate(() => {
      this.#pending = false
      if (!this.#handle) return
      if (stopped) {
        // libuv stops polling at POLLERR. Reading fetches the error (below); then watch anew.
        this.#handle.close()
        this.#start()
      }
      this.#onReadable()
    })
  }
}
