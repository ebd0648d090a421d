/**
 * Docker as Debian ships it, on a computer of the lab. Its packages are unpacked and not installed, so that no service of theirs ever
 * starts, and what a daemon mounts and writes is seen by itself alone. Containers are in a cgroup that the lab takes down.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Host } from './host.ts'
import { type PingResult, parsePing } from './ping.ts'
import { Program, run } from './program.ts'
import { until } from './until.ts'

const unpacked = (path: string) => fileURLToPath(new URL(`../../build/debian/${path}`, import.meta.url))
const client = unpacked('docker.io/usr/bin/docker')
const busybox = unpacked('busybox-static/bin/busybox')
const path = ['docker.io/usr/sbin', 'docker.io/usr/bin', 'containerd/usr/bin', 'runc/usr/sbin'].map(unpacked).join(':')

/** Whether this machine has what it takes. */
export const hasDocker = (): boolean => existsSync(client) && existsSync(busybox)

export class Docker implements AsyncDisposable {
  readonly #program: Program
  readonly #socket: string

  private constructor(program: Program, socket: string) {
    this.#program = program
    this.#socket = socket
  }

  /** Starts it with this daemon.json, and resolves when it has an image called `busybox`. */
  static async start(host: Host, configuration: string): Promise<Docker> {
    const socket = join(host.folder, 'docker.sock')
    // Not by `ip netns exec`: that mounts a /sys of its own, which has no cgroups.
    const inside = ['nsenter', `--net=/run/netns/${host.netns}`, 'unshare', '--mount', 'sh', '-euc', script]
    const lab = host.netns.slice(0, -host.name.length - 1)
    const program = new Program([...inside, 'sh', host.folder, configuration, socket, `${lab}-docker`])
    const docker = new Docker(program, socket)
    try {
      await until(() => docker.run('version'), 'Docker to answer')
      await run('sh', '-euc', image, 'sh', host.folder, busybox, client, socket)
      return docker
    } catch (error) {
      await docker[Symbol.asyncDispose]()
      throw new Error(`${(error as Error).message}: ${program.output.slice(-2000)}`, { cause: error })
    }
  }

  run(...args: readonly string[]): Promise<string> {
    return run(client, '-H', `unix://${this.#socket}`, ...args)
  }

  /** Starts a container that does nothing, and resolves with its address. */
  async container(name: string): Promise<string> {
    const idle = ['busybox', '/bin/busybox', 'sleep', '1000000']
    await this.run('run', '--detach', '--name', name, '--stop-signal', 'KILL', ...idle)
    return (await this.run('inspect', '--format', '{{.NetworkSettings.GlobalIPv6Address}}', name)).trim()
  }

  /** Pings from a container until one answer comes. */
  async reaches(name: string, address: string): Promise<PingResult> {
    const ping = ['exec', name, '/bin/busybox', 'ping', '-6', '-c', '1', '-W', '1', address]
    return await until(async () => parsePing(await this.run(...ping)), `container ${name} to reach ${address}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop('SIGTERM', 10_000)
  }
}

const script = `
folder=$1 configuration=$2 socket=$3 cgroup=$4
mkdir "$folder/docker"
mount -t tmpfs tmpfs "$folder/docker"
mkdir "$folder/docker/etc" "$folder/docker/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/docker/etc,workdir=$folder/docker/work" /etc
mount -t tmpfs tmpfs /run
export PATH="${path}:$PATH" container=lab # so that it loads no AppArmor profile
exec dockerd --config-file "$configuration" --host "unix://$socket" --pidfile "$folder/docker/pid" \\
  --data-root "$folder/docker/data" --exec-root "$folder/docker/exec" --storage-driver vfs --iptables=false \\
  --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$cgroup" --shutdown-timeout 2`

const image = `
folder=$1 busybox=$2 client=$3 socket=$4
mkdir -p "$folder/image/bin"
cp "$busybox" "$folder/image/bin/busybox"
tar -C "$folder/image" -c . | "$client" -H "unix://$socket" import - busybox`
