import { fileURLToPath } from 'node:url'
import type { ClientKind } from './client.ts'

const program = fileURLToPath(new URL('../../build/debian/wide-dhcpv6-client/usr/sbin/dhcp6c', import.meta.url))

/** Told to ask for an address: Debian's configuration asks for name servers alone. */
export const dhcp6c: ClientKind = {
  title: 'WIDE dhcp6c',
  file: program,
  script: `
mkdir -p /var/lib/dhcpv6
printf 'interface %s {\\n send ia-na 0;\\n request domain-name-servers;\\n};\\nid-assoc na 0 {};\\n' "$link" >/run/dhcp6c.conf
ip link set "$link" up
until ip -6 address show dev "$link" scope link -tentative | grep -q inet6; do sleep 0.1; done
exec ${program} -f -D -c /run/dhcp6c.conf -p /run/pid "$link"`,
}
