import type { ClientKind } from './client.ts'

/** With Debian's /etc/dhcpcd.conf, in the foreground. */
export const dhcpcd: ClientKind = {
  title: 'dhcpcd',
  file: '/sbin/dhcpcd',
  script: 'exec dhcpcd -6 -B "$link"',
}
