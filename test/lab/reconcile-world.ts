import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LinkEvent, World } from '../unit/netlink/scenario.ts'
import { type Features, links } from '../unit/netlink/scenario-table.ts'
import type { Counted, Outcome, Question, Sight } from './converging.ts'
import { cable, type Namespace, Namespaces, type Program } from './namespaces.ts'

/**
 * A router of a test's own, with a converger inside, and what its links lead to, each end under the router's name for the link:
 *
 *            ┌ eth1 ═══ host
 *    router ─┼ eth2 ═══ other
 *            ├ zt0  ═══ peer
 *            └ wan0 ═══ internet
 */
export class RealWorld implements World {
  readonly features: Features
  readonly router: Namespace
  readonly #ends = new Map<string, Namespace>()
  readonly #namespaces: Namespaces
  readonly #looking: Program
  #first = new Map<string, string>()
  #program: Program | undefined
  #id = 0

  private constructor(namespaces: Namespaces, router: Namespace, features: Features) {
    this.features = features
    this.#namespaces = namespaces
    this.router = router
    this.#looking = this.#run('look()')
  }

  /** What this kernel has, but for what is hidden of it: false is a kernel without. */
  static async create(shown: Partial<Features> = {}): Promise<RealWorld> {
    const namespaces = new Namespaces()
    try {
      const forceForwarding =
        existsSync('/proc/sys/net/ipv6/conf/all/force_forwarding') && shown.forceForwarding !== false
      const features = { direct: shown.direct !== false, forceForwarding }
      const world = new RealWorld(namespaces, await namespaces.add('router'), features)
      for (const link of links) {
        world.#ends.set(link, await namespaces.add(endNames[link]))
        await world.#cable(link)
      }
      world.#first = new Map((await world.#ask<Sight>(world.#looking, {})).sysctls)
      return world
    } catch (error) {
      await namespaces[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The computer at the other end of a link of the router. */
  end(link: string): Namespace {
    return this.#ends.get(link)!
  }

  async start(): Promise<void> {
    this.#program = this.#run(`converge(${JSON.stringify(this.router.folder)}, ${JSON.stringify(this.features)})`)
    await this.#program.line(line => line['ready'] === true)
  }

  async intend(name: string): Promise<void> {
    await this.#ask(this.#running, { name })
  }

  /** How often the program has dumped the kernel. */
  async dumps(): Promise<number> {
    return (await this.#ask<Outcome>(this.#running, {})).dumps
  }

  /** Puts counting programs on the overlay's link, twice, and returns what tells how many packets they counted. */
  async countTwice(): Promise<() => Promise<Counted['sites']>> {
    const counting = this.#run('countTwice()')
    await counting.line(line => line['ready'] === true)
    return async () => (await this.#ask<Counted>(counting, {})).sites
  }

  async kill(): Promise<void> {
    this.#running.child.kill('SIGKILL')
    await this.#running.ended
  }

  async stop(): Promise<void> {
    this.#running.child.kill('SIGTERM')
    await this.#running.ended
  }

  async own(): Promise<string[]> {
    const { own, sysctls } = await this.#ask<Sight>(this.#looking, {})
    // A link that came later began with what `default` holds.
    const first = (path: string) => this.#first.get(path) ?? this.#first.get(path.replace(/[^/]+(?=\/\w+$)/, 'default'))
    const changed = sysctls.filter(([path, value]) => (first(path) ?? value) !== value)
    return [...own, ...changed.map(([path, value]) => `sysctl ${path}=${value}`)].sort()
  }

  async take(line: string): Promise<void> {
    const [what, ...words] = line.split(' ')
    if (what === 'link') await this.router.run('ip', 'link', 'set', words[0]!, 'allmulticast', 'off')
    else if (what === 'program') await this.#ask(this.#looking, { detach: { link: words[1]!, point: words[2]! } })
    else if (what === 'rule') await this.router.run('ip', '-6', 'rule', 'del', ...ruleWords(words))
    else await this.router.run('ip', '-6', what!, 'del', ...words)
  }

  async sysctl(path: string, value: string): Promise<void> {
    await this.router.run('sysctl', '-qw', `net.${path.replaceAll('.', ':').replaceAll('/', '.')}=${value}`)
  }

  async link(name: string, happens: LinkEvent): Promise<void> {
    const set = (namespace: Namespace, to: string) => namespace.run('ip', 'link', 'set', name, to)
    if (happens === 'gone') await this.router.run('ip', 'link', 'del', name)
    else if (happens === 'back') await this.#cable(name)
    else if (happens === 'down' || happens === 'up') await set(this.router, happens)
    else await set(this.end(name), happens === 'unplugged' ? 'down' : 'up')
  }

  /** Many commands of `ip -6` at once, as fast as the kernel takes them. */
  async batch(commands: readonly string[]): Promise<void> {
    const file = join(this.router.folder, 'batch')
    await writeFile(file, commands.join('\n'))
    await this.router.run('ip', '-6', '-batch', file)
  }

  /** Everything `ip` knows of IPv6 and the flags of links, and every sysctl of ipv6/conf and ipv6/neigh. */
  async snapshot(): Promise<string[]> {
    const show = async (...args: string[]) => (await this.router.run('ip', '-o', '-6', ...args)).trim().split('\n')
    const conf = await this.router.run('sh', '-c', 'grep -rs "" /proc/sys/net/ipv6/conf /proc/sys/net/ipv6/neigh; true')
    return [
      ...(await show('addr')),
      ...(await show('route', 'show', 'table', 'all')),
      ...(await show('rule')),
      ...(await show('neigh', 'show', 'nud', 'permanent')),
      ...(await this.router.run('ip', '-o', 'link')).trim().split('\n'),
      ...(await this.router.run('tc', 'qdisc', 'show')).trim().split('\n'),
      ...conf.trim().split('\n'),
    ]
      .map(line => line.replace(/expires \d+sec|valid_lft \w+|preferred_lft \w+/g, '').trim())
      .sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#namespaces[Symbol.asyncDispose]()
  }

  async #cable(link: string): Promise<void> {
    await cable({ namespace: this.router, link }, { namespace: this.end(link), link })
  }

  #run(call: string): Program {
    return this.router.program(`import { converge, countTwice, look } from './test/lab/converging.ts'\nawait ${call}`)
  }

  get #running(): Program {
    if (!this.#program) throw new Error('the program was never started')
    return this.#program
  }

  async #ask<T extends { readonly id: number }>(program: Program, question: Omit<Question, 'id'>): Promise<T> {
    const id = ++this.#id
    program.tell({ id, ...question })
    return await program.line<T>(answer => answer.id === id, 20)
  }
}

const endNames = { eth1: 'host', eth2: 'other', zt0: 'peer', wan0: 'internet' } as const

/** `1081: iif zt0 prohibit proto 80` as the words that `ip rule del` wants. */
const ruleWords = (words: readonly string[]): string[] =>
  words.flatMap(word =>
    word.endsWith(':') && /^\d+:$/.test(word) ? ['pref', word.slice(0, -1)] : word === 'proto' ? ['protocol'] : [word],
  )
