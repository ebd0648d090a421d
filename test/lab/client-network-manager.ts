import { fileURLToPath } from 'node:url'
import type { ClientKind } from './client.ts'

const tree = fileURLToPath(new URL('../../build/debian/network-manager/usr', import.meta.url))

/** With its own message bus and one automatic connection. A read-only /sys tells it that nobody runs udev here. */
export const networkManager: ClientKind = {
  title: 'NetworkManager',
  file: `${tree}/sbin/NetworkManager`,
  script: `
mount -t overlay overlay -o "lowerdir=${tree}:/usr" /usr # not installed: its plugins and its rules for the bus are found there
mkdir -p /run/dbus /run/NetworkManager/system-connections
dbus-daemon --system --fork --nopidfile
printf '[connection]\\nid=lan\\ntype=ethernet\\ninterface-name=%s\\n[ipv4]\\nmethod=disabled\\n[ipv6]\\nmethod=auto\\n' "$link" \
  >/run/NetworkManager/system-connections/lan.nmconnection
chmod 600 /run/NetworkManager/system-connections/lan.nmconnection
printf '[main]\\nplugins=keyfile\\n[device]\\nmatch-device=*\\nmanaged=1\\n[keyfile]\\npath=/run/NetworkManager/system-connections\\n' >/run/NetworkManager/lab.conf
exec /usr/sbin/NetworkManager -n --config=/run/NetworkManager/lab.conf --config-dir=/run/NetworkManager/none \
  --intern-config=/run/NetworkManager/intern.conf --pid-file=/run/NetworkManager/pid --state-file=/run/NetworkManager/state`,
}
