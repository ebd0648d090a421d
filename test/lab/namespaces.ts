/** Network namespaces of a test's own, joined by veth cables, with Node programs run inside. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const root = new URL('../../', import.meta.url).pathname

export class Namespace {
  readonly name: string
  readonly #programs: ChildProcess[] = []

  constructor(name: string) {
    this.name = name
  }

  /** Runs a command inside and returns what it prints. */
  async run(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await exec('ip', ['netns', 'exec', this.name, command, ...args], { maxBuffer: 64 << 20 })
    return stdout
  }

  /** `ip -json …` as objects. */
  async ip(...args: string[]): Promise<Record<string, unknown>[]> {
    const text = await this.run('ip', '-json', ...args)
    return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, unknown>[])
  }

  /** Starts a TypeScript module, given as text, inside; its imports are relative to the top of the repository. */
  program(source: string): Program {
    const child = spawn(
      'ip',
      ['netns', 'exec', this.name, process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', source],
      { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] },
    )
    this.#programs.push(child)
    return new Program(child)
  }

  async remove(): Promise<void> {
    for (const child of this.#programs) child.kill('SIGKILL')
    await exec('ip', ['netns', 'delete', this.name])
  }
}

/** A Node program that prints one JSON value a line. */
export class Program {
  readonly child: ChildProcess
  readonly lines: unknown[] = []
  errors = ''
  readonly ended: Promise<number | null>

  constructor(child: ChildProcess) {
    this.child = child
    createInterface({ input: child.stdout! }).on('line', line => this.lines.push(JSON.parse(line)))
    child.stderr!.on('data', chunk => {
      this.errors += String(chunk)
    })
    this.ended = new Promise(resolve => child.on('close', code => resolve(code)))
  }

  /** The first line for which `accept` holds, waited for. Fails with what the program said on stderr. */
  async line<T = Record<string, unknown>>(accept: (value: T) => boolean = () => true, seconds = 10): Promise<T> {
    const until = Date.now() + seconds * 1000
    for (;;) {
      const found = (this.lines as T[]).find(accept)
      if (found !== undefined) return found
      if (Date.now() > until || this.child.exitCode !== null)
        throw new Error(`no such line among ${JSON.stringify(this.lines)}\n${this.errors}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  /** Sends a line to its stdin. */
  tell(value: unknown): void {
    this.child.stdin!.write(`${JSON.stringify(value)}\n`)
  }
}

/** Namespaces that go, with their cables and programs, however the test ends. */
export class Namespaces implements AsyncDisposable {
  readonly #all: Namespace[] = []
  readonly #id = randomBytes(3).toString('hex')

  async add(name: string): Promise<Namespace> {
    const namespace = new Namespace(`sp-${this.#id}-${name}`)
    await exec('ip', ['netns', 'add', namespace.name])
    this.#all.push(namespace)
    await namespace.run('ip', 'link', 'set', 'lo', 'up')
    return namespace
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#all.map(namespace => namespace.remove()))
  }
}

interface End {
  readonly namespace: Namespace
  readonly link: string
  readonly mac?: string
}

/** A veth cable between two namespaces, both ends up, with no duplicate address detection (it would cost a second). */
export async function cable(a: End, b: End): Promise<void> {
  const mac = (end: End) => (end.mac ? ['address', end.mac] : [])
  const peer = ['peer', 'name', b.link, 'netns', b.namespace.name, ...mac(b)]
  await a.namespace.run('ip', 'link', 'add', a.link, ...mac(a), 'type', 'veth', ...peer)
  for (const { namespace, link } of [a, b]) {
    await namespace.run('sysctl', '-qw', `net.ipv6.conf.${link.replaceAll('.', '/')}.accept_dad=0`)
    await namespace.run('ip', 'link', 'set', link, 'up')
  }
}
