import type { ClientKind } from './client.ts'

/** With the shortest .network file. A read-only /sys tells it that nobody runs udev here. */
export const networkd: ClientKind = {
  title: 'systemd-networkd',
  file: '/lib/systemd/systemd-networkd',
  script: `
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network:systemd-network /run/systemd/netif
printf '[Match]\\nName=%s\\n[Network]\\nDHCP=ipv6\\n' "$link" >/run/systemd/network/10-lan.network
exec /lib/systemd/systemd-networkd`,
}
