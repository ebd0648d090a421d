/**
 * Computers and cables of network namespaces. A lab has a name of its own, so that several run side by side, and takes everything
 * with it however the test ends: by `await using`, by SIGINT and SIGTERM, or at the latest when the process exits.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Host } from './host.ts'
import { run } from './program.ts'

/** One end of a cable. */
export interface CableEnd {
  readonly host: Host
  readonly link: string
  readonly mac?: string
}

export class Lab implements AsyncDisposable {
  readonly id: string
  readonly folder: string
  readonly #hosts = new Map<string, Host>()
  #switches: Host | undefined
  #gone = false

  private constructor(id: string) {
    this.id = id
    this.folder = join(tmpdir(), `sp-${id}`)
    mkdirSync(this.folder, { mode: 0o755 })
    writeFileSync(join(this.folder, 'owner'), `${process.pid}\n`) // the sweep leaves a lab alone while its owner lives
  }

  static async create(): Promise<Lab> {
    const lab = new Lab(randomBytes(3).toString('hex'))
    living.add(lab)
    endWithUs()
    return lab
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()]
  }

  /** A new computer, with nothing but a loopback. */
  async host(name: string): Promise<Host> {
    const folder = join(this.folder, name)
    mkdirSync(folder, { mode: 0o755 }) // also for programs that are not root
    const host = new Host(name, `sp-${this.id}-${name}`, folder)
    this.#hosts.set(name, host) // before the namespace is made: what is half made goes too
    await run('ip', 'netns', 'add', host.netns)
    await host.setUp('lo')
    return host
  }

  /** A cable between two links that it makes; both are left down, as a new card is. */
  async cable(a: CableEnd, b: CableEnd, mtu = 1500): Promise<void> {
    const end = ({ link, mac }: CableEnd) => [link, 'mtu', String(mtu), ...(mac ? ['address', mac] : [])]
    const peer = ['peer', 'name', ...end(b), 'netns', b.host.netns]
    await run('ip', '-netns', a.host.netns, 'link', 'add', ...end(a), 'type', 'veth', ...peer)
  }

  /** A new Ethernet switch without settings: a bridge that only forwards. */
  async switch(name: string): Promise<Switch> {
    if (!this.#switches) {
      this.#switches = await this.host('switches')
      // A switch has no addresses: without this the bridge would be one more neighbour on every LAN.
      await this.#switches.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
      await this.#switches.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
    }
    await this.#switches.ip('link', 'add', name, 'type', 'bridge', 'mcast_snooping', '0')
    await this.#switches.setUp(name)
    return new Switch(this, this.#switches, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#gone) return
    await takeDown(this.folder)
    this.#forget()
  }

  /** The same, at once: for a process that is about to exit. */
  demolish(): void {
    if (this.#gone) return
    execFileSync('sh', ['-c', takeDownScript, 'sh', this.folder], apart)
    this.#forget()
  }

  #forget(): void {
    this.#gone = true
    living.delete(this)
  }
}

/** A bridge among the lab's switches, and the cables that are plugged into it. */
export class Switch {
  readonly name: string
  readonly #lab: Lab
  readonly #host: Host
  #ports = 0

  constructor(lab: Lab, host: Host, name: string) {
    this.#lab = lab
    this.#host = host
    this.name = name
  }

  /** A new card in a computer, with a cable to this switch. The card is left down. */
  async plug(end: CableEnd, mtu = 1500): Promise<Plug> {
    const port = `${this.name}${this.#ports++}`
    await this.#lab.cable(end, { host: this.#host, link: port }, mtu)
    await this.#host.ip('link', 'set', port, 'master', this.name, 'up')
    return new Plug(this.#host, port)
  }

  /** Lets longer frames through; the cards at the other ends have an MTU of their own. */
  async widen(mtu: number): Promise<void> {
    for (let port = 0; port < this.#ports; port++)
      await this.#host.ip('link', 'set', `${this.name}${port}`, 'mtu', String(mtu))
  }

  /** Sets an option of the bridge, as `ip link set type bridge` knows it. */
  async set(...options: readonly string[]): Promise<void> {
    await this.#host.ip('link', 'set', this.name, 'type', 'bridge', ...options)
  }
}

/** The switch's end of a cable: pulled, the computer at the other end loses its carrier. */
export class Plug {
  readonly #host: Host
  readonly #port: string

  constructor(host: Host, port: string) {
    this.#host = host
    this.#port = port
  }

  pull(): Promise<void> {
    return this.#host.setDown(this.#port)
  }

  putBack(): Promise<void> {
    return this.#host.setUp(this.#port)
  }
}

// A namespace stays as long as a process in it, so those go first: each was started by this lab, for nothing else runs there. One
// that is killed still ends the system call it is in, which may make a file, and then takes a moment. The same holds for the cgroups
// of a booted machine.
const takeDownScript = `
folder=$1 name=\${1##*/}
for netns in $(ip netns list | grep -o "^$name-[^ ]*"); do
  for moment in $(seq 100); do
    pids=$(ip netns pids "$netns" 2>/dev/null)
    [ -n "$pids" ] || break
    kill -KILL $pids 2>/dev/null
    sleep 0.02
  done
  ip netns delete "$netns" 2>/dev/null
done
for cgroup in /sys/fs/cgroup/$name-* /sys/fs/cgroup/*/$name-*; do
  for moment in 1 2 3 4 5 6 7 8 9 10; do
    [ -d "$cgroup" ] || break
    kill -KILL $(find "$cgroup" -name cgroup.procs -exec cat {} +) 2>/dev/null
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
  done
done
rm -rf "$folder"
true`

// Whoever began it may be killed before it is done, and a second Ctrl-C may come before its shell has read a line: so it is a
// process of a session of its own, which no terminal signals.
const apart = { stdio: 'ignore', detached: true } as const

/** Ends what runs in the namespaces and machines of the lab with this folder, and deletes all of it. */
export async function takeDown(folder: string): Promise<void> {
  await once(spawn('sh', ['-c', takeDownScript, 'sh', folder], apart), 'exit')
}

const living = new Set<Lab>()
let watching = false

function endWithUs(): void {
  if (watching) return
  watching = true
  process.once('exit', () => {
    for (const lab of living) lab.demolish()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      for (const lab of living) lab.demolish()
      process.exit(signal === 'SIGINT' ? 130 : 143)
    })
  }
}
