/** Docker as Debian's unstable suite ships it, on a computer of the lab: with its firewall, which the one of Debian 12 lacks for IPv6. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../lab/host.ts'
import { type PingResult, parsePing } from '../lab/ping.ts'
import type { Program } from '../lab/program.ts'
import { until } from '../lab/until.ts'
import { Root } from './root.ts'

export class Docker implements AsyncDisposable {
  readonly root: Root
  #daemon: Program | undefined

  private constructor(root: Root) {
    this.root = root
  }

  /** Starts it with this text as its daemon.json, and resolves when it has an image called `busybox`. */
  static async start(host: Host, configuration: string): Promise<Docker> {
    const docker = new Docker(await Root.start(host, 'docker', prepare))
    try {
      writeFileSync(docker.file, configuration)
      await docker.#start()
      await docker.root.type(image)
      return docker
    } catch (error) {
      await docker[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Its daemon.json, for this process. */
  get file(): string {
    return join(this.root.host.folder, 'daemon.json')
  }

  run(...args: readonly string[]): Promise<string> {
    return this.root.run('docker', ...args)
  }

  /** Runs a line as if there were systemd. */
  async type(line: string): Promise<void> {
    const [, verb] = /^systemctl (stop|start|restart) docker/.exec(line) ?? []
    if (verb === 'stop' || verb === 'restart') await this.#stop()
    if (verb === 'start' || verb === 'restart') await this.#start()
    if (verb === undefined) await this.root.type(line)
  }

  /** Runs a container that serves HTTP on the ports 80, which is published, and 81, and resolves with its address. */
  async container(name: string, ...options: readonly string[]): Promise<string> {
    const command = ['busybox', '/bin/busybox', 'sh', '-c', serve]
    await this.run('run', '--detach', '--name', name, '--stop-signal', 'KILL', '-p', '80', ...options, ...command)
    const format = '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}'
    return (await this.run('inspect', '--format', format, name)).trim()
  }

  /** Pings from a container until one answer comes. */
  async reaches(name: string, address: string): Promise<PingResult> {
    const ping = ['exec', name, '/bin/busybox', 'ping', '-6', '-c', '1', '-W', '1', address]
    return await until(async () => parsePing(await this.run(...ping)), `container ${name} to reach ${address}`)
  }

  async #start(): Promise<void> {
    this.#daemon = this.root.spawn('dockerd', ...options)
    await until(() => this.run('version'), 'Docker to answer', 60_000).catch(error => {
      throw new Error(`${(error as Error).message}: ${this.#daemon?.output.slice(-2000)}`, { cause: error })
    })
  }

  async #stop(): Promise<void> {
    if (!this.#daemon || this.#daemon.exit) return
    await this.root.type('kill $(cat /lab/pid)')
    await this.#daemon.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.root[Symbol.asyncDispose]()
  }
}

const options = [
  ...[
    '--config-file',
    '/host/daemon.json',
    '--pidfile',
    '/lab/pid',
    '--data-root',
    '/lab/data',
    '--exec-root',
    '/lab/exec',
  ],
  ...['--storage-driver', 'vfs', '--exec-opt', 'native.cgroupdriver=cgroupfs', '--shutdown-timeout', '2'],
]

const serve = 'for port in 80 81; do /bin/busybox httpd -p [::]:$port -h /; done; exec /bin/busybox sleep 1000000'

// What its packages leave to scripts of theirs, and to packages that every Debian has.
const prepare = `
/usr/bin/busybox mkdir -p /usr/local/bin
/usr/bin/busybox --install -s /usr/local/bin
ln -s busybox /usr/bin/sh
ln -s /run /var/run
for name in ip6tables iptables ip6tables-save ip6tables-restore iptables-save iptables-restore; do
  ln -s xtables-nft-multi /usr/sbin/$name
done
export container=lab`

const image = `
mkdir -p /lab/image/bin
cp /usr/bin/busybox /lab/image/bin
tar -C /lab/image -c . | docker import - busybox`
