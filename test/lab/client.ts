/**
 * The DHCP clients that LAN hosts run, each as Debian ships it, with its own scripts and default settings. Each gets /etc and
 * /var as copies on write, so that what it does to resolv.conf or its lease file stays in the lab.
 */
import { existsSync } from 'node:fs'
import { dhclient } from './client-dhclient.ts'
import { dhcp6c } from './client-dhcp6c.ts'
import { dhcpcd, dhcpcdRouter } from './client-dhcpcd.ts'
import { dibbler, dibblerReconfigured, dibblerRouter } from './client-dibbler.ts'
import { dhclient4, dhcpcd4, udhcpc } from './client-ipv4.ts'
import { networkManager } from './client-network-manager.ts'
import { networkd } from './client-networkd.ts'
import type { Host } from './host.ts'
import { type Program, run } from './program.ts'

/** A kind of client, and how to start it. */
export interface ClientKind {
  /** As people call it. */
  readonly title: string
  /** The program that must be on the machine. */
  readonly file: string
  /** Runs in /bin/sh on the host, as root, with private /etc, /run and /var; `$link` is the interface; ends in `exec`. */
  readonly script: string
  /** How it is told to give its address back: runs where it runs, `$pid` is its process. */
  readonly release?: string
}

/** The kernel alone: it takes routes from advertisements and no address. */
const kernel: ClientKind = {
  title: 'kernel only',
  file: '/bin/sh',
  script: 'ip link set "$link" up; exec sleep infinity',
}

export const clients = {
  dhclient,
  dhcpcd,
  networkd,
  networkManager,
  dibbler,
  dhcp6c,
  kernel,
  dhcpcdRouter,
  dibblerRouter,
  dibblerReconfigured,
  dhclient4,
  dhcpcd4,
  udhcpc,
} as const
export type ClientName = keyof typeof clients

/** Whether this machine has the client. */
export function has(name: ClientName): boolean {
  return existsSync(clients[name].file)
}

/** A client at work on a host's eth0. */
export class Client implements AsyncDisposable {
  readonly host: Host
  readonly kind: ClientKind
  readonly program: Program
  readonly #link: string

  constructor(host: Host, name: ClientName, link = 'eth0') {
    this.host = host
    this.kind = clients[name]
    this.#link = link
    const script = `${enclosure}\n${this.kind.script}`
    this.program = host.spawn(['unshare', '--uts', 'sh', '-euc', script, 'sh', host.folder, host.name, link])
  }

  /** Tells it to give its address back and to end. */
  async release(): Promise<void> {
    const { pid } = this.program
    const script = this.kind.release ?? 'kill "$pid"'
    const inside = ['nsenter', '--target', String(pid), '--mount', '--net', '--uts']
    await run(...inside, 'env', `pid=${pid}`, `folder=${this.host.folder}`, `link=${this.#link}`, 'sh', '-euc', script)
    await this.program.exited
  }

  async stop(): Promise<void> {
    await this.program.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

// `ip netns exec` has made a mount namespace already, whose mounts nobody outside sees.
const enclosure = `
folder=$1 name=$2 link=$3
hostname "$name"
mkdir -p "$folder/private"
mount -t tmpfs tmpfs "$folder/private"
for tree in etc var; do
  mkdir "$folder/private/$tree" "$folder/private/$tree-work"
  mount -t overlay overlay -o "lowerdir=/$tree,upperdir=$folder/private/$tree,workdir=$folder/private/$tree-work" "/$tree"
done
cp "$(command -v dhclient || echo /bin/true)" "$folder/private/dhclient" # Debian's AppArmor profile goes by the path
mount -t tmpfs tmpfs /run
mount -o remount,ro /sys
rm -f /etc/resolv.conf
: >/etc/resolv.conf
echo "$folder" | md5sum | cut -c1-32 >/etc/machine-id
echo "$name" >/etc/hostname
for state in /var/lib/dhcp /var/lib/dhcpcd /var/lib/NetworkManager /etc/systemd/network /etc/NetworkManager/system-connections; do
  mkdir -p "$state"
  mount -t tmpfs tmpfs "$state"
done`
