/** Clients of DHCPv4. */
import { fileURLToPath } from 'node:url'
import type { ClientKind } from './client.ts'

const busybox = fileURLToPath(new URL('../../build/debian/busybox-static/bin/busybox', import.meta.url))

export const dhclient4: ClientKind = {
  title: 'ISC dhclient for IPv4',
  file: '/sbin/dhclient',
  script: `
ip link set "$link" up
[ ! -e "$folder/remembered" ] || cp "$folder/remembered" /run/leases
exec "$folder/private/dhclient" -4 -d -sf /sbin/dhclient-script -lf /run/leases -pf /run/pid "$link"`,
  release: '"$folder/private/dhclient" -4 -r -sf /sbin/dhclient-script -lf /run/leases -pf /run/pid "$link"',
}

/** It looks for others with its address before it takes it. A file in the host's folder may hold more arguments. */
export const dhcpcd4: ClientKind = {
  title: 'dhcpcd for IPv4',
  file: '/sbin/dhcpcd',
  script: 'exec dhcpcd -4 -B $(cat "$folder/arguments" 2>/dev/null || :) "$link"',
  release: 'kill -ALRM "$pid"',
}

/** With the least script that does what a system's own does. */
export const udhcpc: ClientKind = {
  title: 'udhcpc',
  file: busybox,
  script: `
ip link set "$link" up
cat >"$folder/private/script" <<'SCRIPT'
#!/bin/sh
case $1 in
  deconfig) ip -4 address flush dev "$interface" ;;
  bound | renew) ip -4 address replace "$ip/$mask" dev "$interface" ;;
esac
SCRIPT
chmod +x "$folder/private/script"
exec ${busybox} udhcpc -f -i "$link" -s "$folder/private/script" -R -x "hostname:$name" -O 108`,
}
