import { type PingResult, parsePing } from './ping.ts'
import { Program, plainEnvironment, run } from './program.ts'
import { until } from './until.ts'

/** What `ip -json address` says about one address. */
export interface HostAddress {
  readonly family: 'inet' | 'inet6'
  readonly local: string
  readonly prefixlen: number
  readonly scope: 'global' | 'link' | 'host'
  readonly tentative?: boolean
  readonly dadfailed?: boolean
  readonly deprecated?: boolean
  readonly valid_life_time: number
  readonly preferred_life_time: number
}

/** What `ip -json route` says about one route. */
export interface HostRoute {
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly protocol: string
  readonly metric: number
  readonly type?: string
}

/** One computer of the lab: a network namespace, and what can be run in it. */
export class Host {
  readonly name: string
  readonly netns: string
  /** A folder of its own for files; goes with the lab. */
  readonly folder: string

  constructor(name: string, netns: string, folder: string) {
    this.name = name
    this.netns = netns
    this.folder = folder
  }

  /** Runs a command here to its end; rejects where its status isn't 0. */
  run(...argv: readonly string[]): Promise<string> {
    return run('ip', 'netns', 'exec', this.netns, ...argv)
  }

  /** `ip` with these arguments, here, and its answer as objects. */
  async ip<T = Record<string, unknown>>(...args: readonly string[]): Promise<T[]> {
    const text = await run('ip', '-json', '-netns', this.netns, ...args)
    return text.trim() === '' ? [] : (JSON.parse(text) as T[])
  }

  /** Starts a program here that runs beside the test. The caller disposes of it; whatever is forgotten ends with the lab. */
  spawn(argv: readonly string[], environment: Record<string, string> = {}): Program {
    return new Program(['ip', 'netns', 'exec', this.netns, ...argv], environment)
  }

  /** The IPv6 addresses of a link. */
  async addresses(link: string): Promise<HostAddress[]> {
    const [found] = await this.ip<{ addr_info: HostAddress[] }>('-6', 'address', 'show', 'dev', link)
    return found?.addr_info ?? []
  }

  /** The first global address of a link that is not tentative, inside `prefix` (text that it starts with). */
  async globalAddress(link: string, startsWith = ''): Promise<string | undefined> {
    const all = await this.addresses(link)
    return all.find(a => a.scope === 'global' && !a.tentative && !a.dadfailed && a.local.startsWith(startsWith))?.local
  }

  /** The link-local address, once it is not tentative any more. */
  linkLocal(link: string, timeout = 30_000): Promise<string> {
    return until(
      async () => (await this.addresses(link)).find(a => a.scope === 'link' && !a.tentative)?.local,
      `a link-local address on ${link} of ${this.name}`,
      timeout,
    )
  }

  routes(...selector: readonly string[]): Promise<HostRoute[]> {
    return this.ip<HostRoute>('-6', 'route', 'show', ...selector)
  }

  /** Pings and says what came back; an answer that stays away is no error. */
  async ping(address: string, { count = 1, interval = 0.1, wait = 1, size = 56 } = {}): Promise<PingResult> {
    const options = ['-6', '-n', '-c', String(count), '-i', String(interval), '-W', String(wait), '-s', String(size)]
    await using program = this.spawn(['ping', ...options, address])
    await program.exited
    return parsePing(program.output)
  }

  /** Pings until one answer comes; returns its round trip in milliseconds. */
  async reaches(address: string, timeout = 30_000): Promise<number> {
    const what = `${this.name} to reach ${address}`
    return await until(async () => (await this.ping(address, { wait: 0.5 })).times[0], what, timeout)
  }

  /** Pings every `interval` seconds until stopped. */
  pinging(address: string, interval = 0.1): Pinging {
    return new Pinging(this.spawn(['ping', '-6', '-n', '-i', String(interval), '-W', '1', address]))
  }

  async setUp(link: string): Promise<void> {
    await this.ip('link', 'set', link, 'up')
  }

  /** Forwards what comes in on a link, and says so to its neighbours. Returns its link-local address there. */
  async becomesRouter(link: string): Promise<string> {
    await this.setUp(link)
    await this.run('sysctl', '-qw', `net.ipv6.conf.${link}.forwarding=1`)
    return await this.linkLocal(link)
  }

  async setDown(link: string): Promise<void> {
    await this.ip('link', 'set', link, 'down')
  }

  async sysctl(path: string): Promise<string> {
    return (await this.run('cat', `/proc/sys/net/${path}`)).trim()
  }

  /** How to get a shell here, for people. */
  get shell(): string {
    return `ip netns exec ${this.netns} ${plainEnvironment()['SHELL'] ?? 'sh'}`
  }
}

/** A ping that goes on beside the test. */
export class Pinging implements AsyncDisposable {
  readonly #program: Program

  constructor(program: Program) {
    this.#program = program
  }

  /** Answers so far. */
  get received(): number {
    return this.#program.lines.filter(line => line.includes('bytes from')).length
  }

  /** Ends it and says how it went. */
  async stop(): Promise<PingResult> {
    await this.#program.stop('SIGINT')
    return parsePing(this.#program.output)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop()
  }
}
