/**
 * A whole Debian 12, booted: debootstrap makes it once (build/debian-12, some 40 s), and every machine is a copy on write of it.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lab } from './lab.ts'
import { Program, run } from './program.ts'
import { Hopeless, until } from './until.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const base = join(repository, 'build/debian-12')
const packages = 'systemd,systemd-sysv,dbus,iproute2,procps'

/** Resolves with the folder of a Debian 12 that nobody writes to. */
export async function debian(): Promise<string> {
  if (existsSync(base)) return base
  mkdirSync(join(repository, 'build'), { recursive: true })
  const half = mkdtempSync(`${base}-`) // renamed when whole: an interrupted one is never taken for a Debian
  try {
    await run('debootstrap', '--variant=minbase', `--include=${packages}`, 'bookworm', half)
    if (!existsSync(base)) renameSync(half, base)
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return base
}

/** A booted Debian with a network of its own, and nothing in it but a loopback. */
export class DebianMachine implements AsyncDisposable {
  readonly #program: Program
  #init = 0

  private constructor(program: Program) {
    this.#program = program
  }

  /** Boots one. `prepare` is a shell script that changes its files first; they are in `$root`. */
  static async boot(lab: Lab, prepare: string): Promise<DebianMachine> {
    const lower = await debian()
    const folder = join(lab.folder, 'debian')
    mkdirSync(folder)
    const boot = [bootScript(prepare), 'sh', lower, folder, `sp-${lab.id}-debian`]
    const machine = new DebianMachine(new Program(['unshare', '--mount', 'sh', '-euc', ...boot]))
    try {
      machine.#init = await until(() => machine.#findInit(), 'the machine to boot', 60_000)
      await until(() => machine.#isUp(), 'the machine to come up', 60_000)
      return machine
    } catch (error) {
      await machine[Symbol.asyncDispose]()
      throw new Error(`${(error as Error).message}: ${machine.#program.output}`, { cause: error })
    }
  }

  /** Runs a command in the machine to its end, as root; rejects where its status isn't 0. */
  run(...argv: readonly string[]): Promise<string> {
    return run(...this.#inside, ...argv)
  }

  /** Starts a program in the machine that runs beside the test. The caller disposes of it. */
  spawn(...argv: readonly string[]): Program {
    return new Program([...this.#inside, '--no-fork', ...argv]) // so that a signal reaches it
  }

  get #inside(): readonly string[] {
    return ['nsenter', '--target', String(this.#init), '--mount', '--uts', '--ipc', '--net', '--pid']
  }

  /** What `systemctl show` says about a property of a unit. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', '--property', name, unit)).trim()
  }

  /** A cable from this machine to a namespace of the lab. */
  async cable(link: string, netns: string, peerLink: string): Promise<void> {
    await run(
      'ip',
      '-netns',
      netns,
      'link',
      'add',
      peerLink,
      'type',
      'veth',
      'peer',
      'name',
      link,
      'netns',
      String(this.#init),
    )
  }

  #findInit(): number | undefined {
    if (this.#program.exit) throw new Hopeless('systemd-nspawn has ended')
    const children = readFileSync(`/proc/${this.#program.pid}/task/${this.#program.pid}/children`, 'utf8')
    const pid = Number(children.trim().split(' ')[0])
    return pid > 0 && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd' ? pid : undefined
  }

  async #isUp(): Promise<boolean> {
    const state = await this.run('sh', '-c', 'systemctl is-system-running || true') // degraded has a status of its own
    return /^(running|degraded)$/.test(state.trim())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The files are thrown away: no need to let it shut down. nspawn ends with its init; folder and cgroup go with the lab.
    if (this.#init > 0 && !this.#program.exit) process.kill(this.#init, 'SIGKILL')
    await this.#program.stop('SIGTERM', 10_000)
  }
}

// The mounts end with the mount namespace. A cgroup of its own keeps two machines apart where nobody else gives them one.
const bootScript = (prepare: string) => `
lower=$1 folder=$2 name=$3
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/changes" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/changes,workdir=$folder/work" "$folder/root"
root=$folder/root
${prepare}
if [ -d /run/systemd/system ]; then keep=; else
  keep=--keep-unit
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -w "$hierarchy/cgroup.procs" ] && mkdir "$hierarchy/$name" && echo $$ >"$hierarchy/$name/cgroup.procs"
  done
fi
exec setpriv --pdeathsig KILL systemd-nspawn --quiet --directory="$root" --boot --machine="$name" --private-network --register=no $keep \
  --link-journal=no --console=read-only`
