/**
 * A computer of the lab with the files of another Debian, on top of which it writes to memory. Its daemons are started by hand: there
 * is no init. What it mounts is seen by itself alone, and it is in a cgroup that the lab takes down.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../lab/host.ts'
import { Program, run } from '../lab/program.ts'
import { Hopeless, until } from '../lab/until.ts'
import { type Kind, layers } from './packages.ts'

export class Root implements AsyncDisposable {
  readonly host: Host
  readonly #program: Program
  readonly #cgroup: string
  #init = 0 // does nothing: it is what others enter, and all of them end with it

  private constructor(host: Host, program: Program, cgroup: string) {
    this.host = host
    this.#program = program
    this.#cgroup = cgroup
  }

  /** `prepare` is a shell script that runs in it first. The folder of the host is /host, and /lab goes with it. */
  static async start(host: Host, kind: Kind, prepare: string): Promise<Root> {
    const below = (await layers(kind)).join(':')
    // Not by `ip netns exec`: that mounts a /sys of its own, which has no cgroups.
    const inside = ['nsenter', `--net=/run/netns/${host.netns}`, 'unshare', '--mount', 'sh', '-euc', script, 'sh']
    const cgroup = `${host.netns}-${kind}`
    const program = new Program([...inside, join(host.folder, kind), below, cgroup, prepare])
    const root = new Root(host, program, cgroup)
    try {
      root.#init = await until(() => root.#findInit(), `the files of ${kind}`)
      return root
    } catch (error) {
      await root[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Runs a command in it to its end; rejects where its status isn't 0. */
  run(...argv: readonly string[]): Promise<string> {
    return run(...this.#inside, ...argv)
  }

  /** The same with a line for a shell. */
  type(line: string): Promise<string> {
    return this.run('sh', '-euc', line)
  }

  /** Some process, as it is called here, in the network namespace of one that is called `pid` in it. */
  async besides(pid: string): Promise<number> {
    const netns = (await this.run('readlink', `/proc/${pid}/ns/net`)).trim()
    const isThere = (entry: string) => {
      try {
        return readlinkSync(`/proc/${entry}/ns/net`) === netns
      } catch {
        return false // it has ended
      }
    }
    return Number(readdirSync('/proc').find(entry => /^\d+$/.test(entry) && isThere(entry)))
  }

  /** Starts a program in it that runs beside the test. A signal doesn't reach it; it ends with this. */
  spawn(...argv: readonly string[]): Program {
    return new Program([...this.#inside, ...argv])
  }

  get #inside(): readonly string[] {
    const then = `export ${environment}; exec "$@" </dev/null`
    return ['sh', '-euc', enterScript, 'sh', this.#cgroup, String(this.#init), then]
  }

  #findInit(): number | undefined {
    const { pid, exit, output } = this.#program
    if (exit) throw new Hopeless(`it ended: ${output}`)
    const init = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
    return init > 0 && existsSync(`/proc/${init}/root/lab/ready`) ? init : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#init > 0 && !this.#program.exit) process.kill(this.#init, 'SIGKILL')
    await this.#program.stop('SIGTERM', 10_000)
  }
}

const environment = 'PATH=/usr/sbin:/usr/bin:/usr/local/bin:/usr/libexec/incus HOME=/root'

const enterScript = `
cgroup=$1 pid=$2 then=$3
shift 3
if [ -e /sys/fs/cgroup/cgroup.procs ]; then echo $$ >"/sys/fs/cgroup/$cgroup/init/cgroup.procs"; else
  for hierarchy in /sys/fs/cgroup/*; do echo $$ >"$hierarchy/$cgroup/cgroup.procs"; done
fi
exec nsenter --target "$pid" --mount --net --cgroup --pid --root --wd sh -euc "$then" sh "$@"`

// The cgroup is the root of what it sees of them. With cgroup v2 one that has others below it may have no process.
const script = `
folder=$1 below=$2 cgroup=$3 prepare=$4
if [ -e /sys/fs/cgroup/cgroup.procs ]; then hierarchies=/sys/fs/cgroup; else hierarchies=$(echo /sys/fs/cgroup/*); fi
for hierarchy in $hierarchies; do
  mkdir -p "$hierarchy/$cgroup"
  for what in cpus mems; do
    [ -e "$hierarchy/cpuset.$what" ] && cat "$hierarchy/cpuset.$what" >"$hierarchy/$cgroup/cpuset.$what"
  done
  echo $$ >"$hierarchy/$cgroup/cgroup.procs"
done
mkdir "$folder"
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/changes" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=$below,upperdir=$folder/changes,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mkdir -p proc sys dev run tmp lab host old root var/tmp
mount --rbind /dev dev
mount --bind "$folder" lab
mount --bind "\${folder%/*}" host
for what in run tmp; do mount -t tmpfs tmpfs $what; done
mount -t sysfs sysfs sys
if [ "$hierarchies" = /sys/fs/cgroup ]; then mount --bind "/sys/fs/cgroup/$cgroup" sys/fs/cgroup; else
  mount -t tmpfs tmpfs sys/fs/cgroup
  for hierarchy in $hierarchies; do
    mkdir "sys/fs/cgroup/\${hierarchy##*/}"
    mount --bind "$hierarchy/$cgroup" "sys/fs/cgroup/\${hierarchy##*/}"
  done
fi
exec unshare --cgroup --pid --fork --kill-child sh -euc '
mount -t proc proc proc
if [ -e sys/fs/cgroup/cgroup.procs ]; then
  mkdir sys/fs/cgroup/init
  echo $$ >sys/fs/cgroup/init/cgroup.procs
fi
mount --make-rprivate /
pivot_root . old
export ${environment}
eval "$1"
umount -l /old
touch /lab/ready
exec sleep 1000000
' sh "$prepare"`
