import type { ClientKind } from './client.ts'

/** With Debian's own dhclient-script, and started as ifupdown does: once the link-local address is there to send from. */
export const dhclient: ClientKind = {
  title: 'ISC dhclient',
  file: '/sbin/dhclient',
  script: `
ip link set "$link" up
until ip -6 address show dev "$link" scope link -tentative | grep -q inet6; do sleep 0.1; done
exec "$folder/private/dhclient" -6 -d -sf /sbin/dhclient-script -lf /run/leases -pf /run/pid "$link"`,
  release: '"$folder/private/dhclient" -6 -r -sf /sbin/dhclient-script -lf /run/leases -pf /run/pid "$link"',
}
