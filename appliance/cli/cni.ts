/** A network configuration list for CNI: pods have addresses of this site, and reach those of all other nodes by them. */
import { type Command, Option } from 'commander'
import type { PrefixRow, Status } from '../http/api.ts'
import { ask, socketOf } from './client.ts'
import { allocate, wholeNumber } from './prefix.ts'
import type { CommonOptions } from './program.ts'
import { json, type Terminal } from './terminal.ts'

interface Options extends CommonOptions {
  readonly length?: number
  readonly interface: string
  readonly type: (typeof types)[number]
}

const types = ['bridge', 'ptp'] as const

export function cniCommand(command: Command, terminal: Terminal): void {
  command
    .option('--length <bits>', 'of the prefix of this node (default: 96)', wholeNumber)
    .option('--interface <name>', 'what the bridge of the pods is called', 'siteplane0')
    .addOption(
      new Option('--type <plugin>', 'a bridge, or a cable and a route for each pod').choices(types).default('bridge'),
    )
    .option('--json', 'with the prefix beside it')
    .action(async ({ length, interface: link, type, ...options }: Options) => {
      const socket = socketOf(options)
      const { overlay } = await ask<Status>(socket, '/v1/status')
      const bridge = type === 'bridge' ? link : undefined // else the plugin adds a route for each pod
      const row = await allocate(socket, { name: 'cni', interface: bridge, length })
      const list = configurationList(row, overlay.networkPrefix)
      terminal.out(json(options.json ? { prefix: row.prefix, interface: row.interface, configuration: list } : list))
    })
}

/** `/etc/cni/net.d/10-siteplane.conflist`. */
export function configurationList({ prefix, interface: bridge }: PrefixRow, networkPrefix: string): object {
  const ranges = [[{ subnet: prefix }]] // the first address is this machine's
  const ipam = { type: 'host-local', ranges, routes: [{ dst: networkPrefix }] }
  const plugin =
    bridge === null
      ? { type: 'ptp', ipMasq: false, ipam }
      : { type: 'bridge', bridge, isGateway: true, ipMasq: false, hairpinMode: true, ipam }
  return { cniVersion: '1.0.0', name: 'siteplane', plugins: [plugin] }
}
