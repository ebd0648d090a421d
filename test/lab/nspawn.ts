/** A container of systemd-nspawn with a cable of its own, `ve-<name>` here and `host0` inside: a root of busybox alone, no network set. */
import { fileURLToPath } from 'node:url'
import type { Host } from './host.ts'
import { Program } from './program.ts'

const busybox = fileURLToPath(new URL('../../build/debian/busybox-static/bin/busybox', import.meta.url))

/** Starts one whose only program is this shell script. The caller disposes of it. */
export function nspawn(host: Host, name: string, inside: string): Program {
  const lab = host.netns.slice(0, -host.name.length - 1)
  // Not by `ip netns exec`: that mounts a /sys of its own, which has no cgroups.
  const command = ['nsenter', `--net=/run/netns/${host.netns}`, 'unshare', '--mount', 'sh', '-euc', script, 'sh']
  return new Program([...command, host.folder, name, `${lab}-${name}`, busybox, inside])
}

const script = `
folder=$1 name=$2 cgroup=$3 busybox=$4 inside=$5
mount -t tmpfs tmpfs /run
root=$folder/$name
mkdir -p "$root/bin" "$root/usr" "$root/etc"
cp "$busybox" "$root/bin/busybox"
echo ID=lab >"$root/etc/os-release"
if [ -d /run/systemd/system ]; then keep=; else
  keep=--keep-unit
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -w "$hierarchy/cgroup.procs" ] && mkdir "$hierarchy/$cgroup" && echo $$ >"$hierarchy/$cgroup/cgroup.procs"
  done
fi
exec setpriv --pdeathsig KILL systemd-nspawn --quiet --directory="$root" --machine="$name" --network-veth --register=no $keep \\
  --link-journal=no --console=read-only /bin/busybox sh -euc "$inside"`
