import type { KernelError } from '../../../appliance/base/errors.ts'
import type { Log } from '../../../appliance/base/log.ts'
import type { Endpoint } from '../../../appliance/ndp/socket.ts'

/** A socket on nothing: what is sent is kept, what is to be received is handed over by the test. */
export class Twin<In, Out> implements Endpoint<In, Out> {
  readonly sent: Out[] = []
  closed = false
  failure: string | undefined
  #onBatch: (batch: readonly In[]) => void = () => {}
  #onError: (error: KernelError) => void = () => {}

  listen(onBatch: (batch: readonly In[]) => void, onError: (error: KernelError) => void): void {
    this.#onBatch = onBatch
    this.#onError = onError
  }

  send(batch: readonly Out[]) {
    const errno = this.failure
    if (errno !== undefined) return batch.map((_, index) => ({ index, errno }))
    this.sent.push(...batch)
    return []
  }

  receive(...batch: In[]): void {
    if (!this.closed) this.#onBatch(batch)
  }

  fail(error: KernelError): void {
    this.#onError(error)
  }

  close(): void {
    this.closed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A log that keeps its lines as `level text`, with their fields. */
export class LogTwin implements Log {
  readonly lines: { readonly line: string; readonly fields: object }[] = []
  debug = (fields: object, text: string) => void this.lines.push({ line: `debug ${text}`, fields })
  info = (fields: object, text: string) => void this.lines.push({ line: `info ${text}`, fields })
  warn = (fields: object, text: string) => void this.lines.push({ line: `warn ${text}`, fields })
  error = (fields: object, text: string) => void this.lines.push({ line: `error ${text}`, fields })
  child = () => this

  /** What an operator sees. */
  get loud(): string[] {
    return this.lines.map(({ line }) => line).filter(line => !line.startsWith('debug'))
  }
}
