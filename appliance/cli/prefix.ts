/** Prefixes of this site for what lies behind a host or an interface, each with a name and a route. */
import { type Command, InvalidArgumentError } from 'commander'
import { OperatorError } from '../base/errors.ts'
import type { Prefixes, PrefixRequest, PrefixRow } from '../http/api.ts'
import { ask, socketOf } from './client.ts'
import { addCommand, type CommonOptions } from './program.ts'
import { json, type Terminal, table } from './terminal.ts'

const path = '/v1/prefixes'

interface Where extends CommonOptions {
  readonly length?: number
  readonly via?: string
  readonly interface?: string
  readonly route: boolean
  readonly overlay?: string
}

export function prefixCommand(command: Command, terminal: Terminal): void {
  addCommand(command, 'allocate <name>', 'give a name a prefix of its own, the same one each time, and route it')
    .option('--length <bits>', 'how long it is (default: 96)', wholeNumber)
    .option('--via <address>', 'to a host of a LAN, by its address')
    .option('--interface <name>', 'to an interface of this machine; with a link-local --via the LAN that it is on')
    .option('--no-route', 'for routes of your own: a longer one in the main table wins')
    .option('--overlay <name>', 'of several networks this one, by name or network id (default: the first)')
    .option('--json', 'as the API says it')
    .action(async (name: string, { length, via, interface: link, route, overlay, ...options }: Where) => {
      if (route === (via === undefined && link === undefined))
        throw new OperatorError('a prefix leads somewhere: --via ADDRESS or --interface NAME says where, or --no-route')
      const row = await allocate(socketOf(options), { name, length, via, interface: link, overlay })
      terminal.out(options.json ? json(row) : showAllocated(row))
    })
  addCommand(command, 'list', 'the prefixes that have names, and what became of their routes')
    .option('--json', 'as the API says it')
    .action(async (options: CommonOptions) => {
      const told = await ask<Prefixes>(socketOf(options), path)
      terminal.out(options.json ? json(told) : showPrefixes(told))
    })
  addCommand(command, 'release <name>', 'take the route away, and let others have the prefix')
    .option('--json', 'as the API says it')
    .action(async (name: string, options: CommonOptions) => {
      const row = await ask<PrefixRow>(socketOf(options), `${path}/${encodeURIComponent(name)}`, { method: 'DELETE' })
      terminal.out(options.json ? json(row) : `${row.name} is released: nothing leads to ${row.prefix} any more\n`)
    })
}

/** Throws an OperatorError where it can't be had. */
export const allocate = (socket: string, request: PrefixRequest): Promise<PrefixRow> =>
  ask<PrefixRow>(socket, path, { method: 'POST', body: request })

/** A number of bits that was typed. */
export function wholeNumber(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('must be a whole number')
}

/** The prefix, and what is left to do where it leads. */
export function showAllocated(row: PrefixRow): string {
  const { name, prefix, routerAddress, via, interface: link, state, reason } = row
  const first = `${name} has ${prefix}${via === null ? '' : ` via ${via}`} on ${link}${reason === null ? '' : `; it ${reason}`}\n`
  if (state === 'kept') return `${name} has ${prefix}; routes to parts of it are yours, in the main table\n`
  if (routerAddress === null) return first
  const length = prefix.slice(prefix.indexOf('/'))
  if (via === null)
    return `${first}\nOn this machine, unless what makes ${link} does it:\n  ip address add ${routerAddress}${length} dev ${link}\n  ip link set ${link} up\n`
  const lines = [
    `On ${via}, for Docker, in /etc/docker/daemon.json, and a restart of it:`,
    ...JSON.stringify({ ipv6: true, 'fixed-cidr-v6': prefix }, undefined, 2)
      .split('\n')
      .map(line => `  ${line}`),
    'Docker 27 and newer drop what comes there: "ip6tables": false beside it opens every port of every container. Or, for published ports:',
    `  docker network create --ipv6 --subnet ${prefix} -o com.docker.network.bridge.gateway_mode_ipv6=routed NETWORK`,
    'Or for a bridge of any other kind:',
    '  sysctl -w net.ipv6.conf.all.forwarding=1',
    `  ip address add ${routerAddress}${length} dev BRIDGE`,
    'Who forwards ignores advertisements, unless systemd-networkd or NetworkManager reads them; before either of these:',
    '  sysctl -w net.ipv6.conf.IFACE.accept_ra=2',
  ]
  return `${first}\n${lines.join('\n')}\n`
}

/** A table, and a sentence for each that leads nowhere yet. */
export function showPrefixes({ prefixes }: Prefixes): string {
  if (prefixes.length === 0) return 'no prefix has a name: siteplane prefix allocate NAME --interface NAME\n'
  const cells = prefixes.map(({ name, prefix, via, interface: link, state }) => [
    name,
    prefix,
    via ?? '',
    link ?? '',
    state,
  ])
  const waiting = prefixes.flatMap(({ name, reason }) => (reason === null ? [] : [`${name} ${reason}\n`]))
  return table([['NAME', 'PREFIX', 'VIA', 'INTERFACE', 'STATE'], ...cells]) + waiting.join('')
}
