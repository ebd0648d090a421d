import { fileURLToPath } from 'node:url'
import type { ClientKind } from './client.ts'

const program = fileURLToPath(new URL('../../build/debian/dibbler-client/usr/sbin/dibbler-client', import.meta.url))

/** `settings` stand before, `wishes` inside the interface of its configuration; `\\n` separates lines. */
const script = (settings: string, wishes: string) => `
mkdir -p /etc/dibbler /var/lib/dibbler /var/log/dibbler
printf 'log-level 7\\nlog-mode short\\n${settings}\\niface "%s" {\\n${wishes}\\n}\\n' "$link" >/etc/dibbler/client.conf
ip link set "$link" up
until ip -6 address show dev "$link" scope link -tentative | grep -q inet6; do sleep 0.1; done
exec ${program} run`

/** Gives its address back whenever it ends. */
export const dibbler: ClientKind = {
  title: 'dibbler',
  file: program,
  script: script('', ' ia\\n option dns-server'),
}

/** Asks for an address and for a prefix, which it routes to eth1; it gives neither an address there. */
export const dibblerRouter: ClientKind = {
  title: 'dibbler that asks for a prefix',
  file: program,
  script: script('downlink-prefix-ifaces "eth1"', ' ia\\n pd'),
}

/** Takes a Reconfigure. */
export const dibblerReconfigured: ClientKind = {
  title: 'dibbler that takes a Reconfigure',
  file: program,
  script: script('reconfigure-accept 1', ' ia\\n option dns-server'),
}
