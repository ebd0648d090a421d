/**
 * A computer of the lab with the files of another Debian, on top of which it writes to memory. Its daemons are started by hand: there
 * is no init. What it mounts is seen by itself alone, and it is in a cgroup that the lab takes down.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../lab/host.ts'
import { Program, run } from '../lab/program.ts'
import { Hopeless, until } from '../lab/until.ts'
import { type Kind, layers } from './packages.ts'

export class Root implements AsyncDisposable {
  readonly host: Host
  readonly #program: Program // does nothing: it is what others enter

  private constructor(host: Host, program: Program) {
    this.host = host
    this.#program = program
  }

  /** `prepare` is a shell script that runs in it first. The folder of the host is /host, and /lab goes with it. */
  static async start(host: Host, kind: Kind, prepare: string): Promise<Root> {
    const below = (await layers(kind)).join(':')
    // Not by `ip netns exec`: that mounts a /sys of its own, which has no cgroups.
    const inside = ['nsenter', `--net=/run/netns/${host.netns}`, 'unshare', '--mount', 'sh', '-euc', script, 'sh']
    const program = new Program([...inside, join(host.folder, kind), below, `${host.netns}-${kind}`, prepare])
    const root = new Root(host, program)
    try {
      const isReady = () => {
        if (program.exit) throw new Hopeless(`it ended: ${program.output}`)
        return existsSync(`/proc/${program.pid}/root/lab/ready`)
      }
      await until(isReady, `the files of ${kind}`)
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

  /** Starts a program in it that runs beside the test. The caller disposes of it. */
  spawn(...argv: readonly string[]): Program {
    return new Program([...this.#inside, ...argv])
  }

  get #inside(): readonly string[] {
    const enter = ['nsenter', '--target', String(this.#program.pid), '--mount', '--net', '--cgroup', '--root', '--wd']
    return [...enter, 'sh', '-euc', `export ${environment}; exec "$@"`, 'sh']
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop('SIGKILL')
  }
}

const environment = 'PATH=/usr/sbin:/usr/bin:/usr/local/bin:/usr/libexec/incus HOME=/root'

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
for what in proc dev; do mount --rbind /$what $what; done
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
exec unshare --cgroup sh -euc '
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
