/** The kernel refused something: a netlink request, a socket call, a BPF load. `errno` is the name, such as EPERM. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  readonly code = 'KERNEL'
  readonly op: string
  readonly target: string
  readonly errno: string

  constructor(op: string, target: string, errno: string, options?: ErrorOptions) {
    super(`${op} ${target}: ${errno}`, options)
    this.op = op
    this.target = target
    this.errno = errno
  }
}

/** A configuration that can't be used. The message is the whole help an operator gets: every problem, with its place. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG'
}

/** The operator can mend this, and the message says how. Shown as one sentence, without a stack. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
  readonly code = 'OPERATOR'
}

/** What an unknown thrown value says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
