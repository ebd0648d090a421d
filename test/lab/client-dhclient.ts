import type { ClientKind } from './client.ts'

/** With Debian's own dhclient-script, which waits for the link-local address and configures what was leased. */
export const dhclient: ClientKind = {
  title: 'ISC dhclient',
  file: '/sbin/dhclient',
  script: `
ip link set "$link" up
exec "$folder/private/dhclient" -6 -d -sf /sbin/dhclient-script -lf /run/leases -pf /run/pid "$link"`,
}
