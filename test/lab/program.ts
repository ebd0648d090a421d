import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { Hopeless, until } from './until.ts'

const execute = promisify(execFile)

/** Runs a command to its end and returns what it printed. Rejects with what it complained about. */
export async function run(...argv: readonly string[]): Promise<string> {
  const [command, ...args] = argv
  try {
    const { stdout } = await execute(command!, args, { env: plainEnvironment(), maxBuffer: 64 << 20 })
    return stdout
  } catch (error) {
    const { stderr, stdout, code } = error as { stderr?: string; stdout?: string; code?: number | string }
    throw new Error(`${argv.join(' ')} ended with ${code}: ${(stderr || stdout || '').trim()}`)
  }
}

/** Ours with messages in English: they are read here. */
export function plainEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C', TERM: 'dumb', NO_COLOR: '1', ...extra }
}

export interface Exit {
  readonly status: number | undefined // undefined where a signal ended it
  readonly signal: NodeJS.Signals | undefined
}

/** A process that runs beside the test. Everything it prints is kept, and it ends with the test. */
export class Program implements AsyncDisposable {
  readonly argv: readonly string[]
  readonly exited: Promise<Exit>
  exit: Exit | undefined
  #child: ChildProcess
  #output = ''

  constructor(argv: readonly string[], environment: Record<string, string> = {}) {
    const [command, ...args] = argv
    this.argv = argv
    this.#child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment(environment) })
    const keep = (text: string) => {
      this.#output += text
    }
    this.#child.stdout!.setEncoding('utf8').on('data', keep)
    this.#child.stderr!.setEncoding('utf8').on('data', keep)
    this.exited = new Promise(resolve => {
      const end = (exit: Exit) => {
        this.exit ??= exit
        resolve(exit)
      }
      this.#child.on('error', error => {
        keep(`${error.message}\n`)
        end({ status: 127, signal: undefined })
      })
      // Its last words come until its pipes close, which a child that it leaves behind may hold open for ever.
      this.#child.on('exit', (status, signal) => {
        const exit = { status: status ?? undefined, signal: signal ?? undefined }
        this.#child.on('close', () => end(exit))
        setTimeout(() => end(exit), 500).unref()
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Standard output and standard error so far, in the order they came. */
  get output(): string {
    return this.#output
  }

  get lines(): string[] {
    return this.#output.split('\n').filter(line => line !== '')
  }

  signal(signal: NodeJS.Signals): void {
    if (this.exit === undefined) this.#child.kill(signal)
  }

  /** Waits for a text in the output. Rejects when the program ends before, or after `timeout` milliseconds. */
  async says(pattern: RegExp, timeout = 30_000): Promise<RegExpExecArray> {
    return await until(
      () => {
        const found = pattern.exec(this.#output)
        if (!found && this.exit) throw new Hopeless(`${this.argv.join(' ')} ended: ${this.#output}`)
        return found ?? undefined
      },
      `${this.argv[0]} to say ${pattern}`,
      timeout,
    )
  }

  /** Asks it to end, insists after `patience` milliseconds, and returns how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patience = 3_000): Promise<Exit> {
    this.signal(signal)
    const insist = setTimeout(() => this.signal('SIGKILL'), patience)
    const exit = await this.exited
    clearTimeout(insist)
    return exit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
