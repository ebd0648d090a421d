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

/** One thing that is wrong in the configuration; lines and columns count from 1, the key is a path such as `lan[0].interface`. */
export interface ConfigProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly key: string
  readonly message: string
}

/** A configuration that can't be used. The message is the whole help an operator gets: every problem, with its place. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG'
  readonly problems: readonly ConfigProblem[]

  constructor(message: string, options: ErrorOptions & { readonly problems?: readonly ConfigProblem[] } = {}) {
    super(message, options)
    this.problems = options.problems ?? []
  }
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
