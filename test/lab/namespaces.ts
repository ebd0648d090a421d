/** Network namespaces of a lab, joined by veth cables, with Node programs run inside. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Lab } from './lab.ts'

const exec = promisify(execFile)
const root = new URL('../../', import.meta.url).pathname

export class Namespace {
  readonly name: string
  /** For files; goes with the lab. */
  readonly folder: string

  constructor(name: string, folder: string) {
    this.name = name
    this.folder = folder
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
    return new Program(child)
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

/** A lab of namespaces: they go, with their cables and programs, however the test ends. */
export class Namespaces implements AsyncDisposable {
  readonly #lab = Lab.create()

  async add(name: string): Promise<Namespace> {
    const { netns, folder } = await (await this.#lab).host(name)
    return new Namespace(netns, folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#lab)[Symbol.asyncDispose]()
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
