import type { ClientKind } from './client.ts'

/** With Debian's /etc/dhcpcd.conf, in the foreground. */
export const dhcpcd: ClientKind = {
  title: 'dhcpcd',
  file: '/sbin/dhcpcd',
  script: 'exec dhcpcd -6 -B "$link"',
  release: 'kill -ALRM "$pid"',
}

/** The same for a router that has a prefix delegated for its eth1. */
export const dhcpcdRouter: ClientKind = {
  title: 'dhcpcd that asks for a prefix',
  file: '/sbin/dhcpcd',
  script: `
printf 'interface %s\\n  ia_na 1\\n  ia_pd 2 eth1/0\\n' "$link" >>/etc/dhcpcd.conf
exec dhcpcd -6 -B "$link"`,
}
