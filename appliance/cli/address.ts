import { type Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../base/errors.ts'
import { formatIp6, formatPrefix } from '../base/ip6.ts'
import { loadConfig } from '../config/load.ts'
import { defaultConfigFile, type OverlayConfig } from '../config/schema.ts'
import type { Status } from '../http/api.ts'
import { type Site, siteOf } from '../plane/site.ts'
import {
  formatNetworkId,
  formatNodeAddress,
  type NetworkId,
  type NodeAddress,
  parseNetworkId,
  parseNodeAddress,
  rfc4193Address,
  rfc4193Prefix,
} from '../plane/sixplane.ts'
import { ask } from './client.ts'
import { place, siteIn, unknownNode } from './place.ts'
import type { CommonOptions } from './program.ts'
import { json, type Terminal, table } from './terminal.ts'

interface Options extends CommonOptions {
  readonly network?: NetworkId
  readonly node?: NodeAddress
  readonly json?: true
}

export function addressCommand(command: Command, terminal: Terminal): void {
  command
    .option(
      '--network <id>',
      "16 hex digits (default: the configuration's, or with --socket the daemon's)",
      argument(parseNetworkId),
    )
    .option('--node <address>', '10 hex digits (default: this node)', argument(parseNodeAddress))
    .option('--json', 'as one object')
    .action(async (options: Options) => {
      const facts = factsOf(await siteFor(options))
      terminal.out(options.json ? json(facts) : showFacts(facts))
    })
}

function argument<T>(parse: (text: string) => T): (text: string) => T {
  return text => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error))
    }
  }
}

async function siteFor({ network, node, config, socket }: Options): Promise<Site> {
  if (network !== undefined && node !== undefined) return siteOf(network, node)
  if (socket !== undefined) return await siteBy(socket, network, node)
  const overlay = overlayFor(network, config)
  if (node !== undefined) return siteOf(overlay.network, node)
  return siteIn(await place(overlay))
}

/** What was not typed, as the daemon on this socket knows it. */
async function siteBy(socket: string, network?: NetworkId, node?: NodeAddress): Promise<Site> {
  const { overlay } = await ask<Status>(socket, '/v1/status')
  const its = node ?? (overlay.node === null ? undefined : parseNodeAddress(overlay.node))
  if (its === undefined) throw unknownNode(overlay.reason)
  return siteOf(network ?? parseNetworkId(overlay.network), its)
}

/** The configured overlay; where only a network was typed and no file, the usual ZeroTier service with that network. */
function overlayFor(network: NetworkId | undefined, config: string | undefined): OverlayConfig {
  if (network === undefined) return loadConfig(config ?? defaultConfigFile).overlay
  if (config === undefined) return { kind: 'zerotier', network, home: '/var/lib/zerotier-one' }
  return { ...loadConfig(config).overlay, network }
}

interface Facts {
  readonly network: string
  readonly node: string
  readonly networkPrefix: string
  readonly sitePrefix: string
  readonly routerAddress: string
  readonly mac: string
  readonly rfc4193Prefix: string
  readonly rfc4193Address: string
}

export function factsOf(site: Site): Facts {
  const { network, node } = site
  return {
    network: formatNetworkId(network),
    node: formatNodeAddress(node),
    networkPrefix: formatPrefix(site.networkPrefix),
    sitePrefix: formatPrefix(site.sitePrefix),
    routerAddress: formatIp6(site.address),
    mac: site.mac,
    rfc4193Prefix: formatPrefix(rfc4193Prefix(network)),
    rfc4193Address: formatIp6(rfc4193Address(network, node)),
  }
}

function showFacts(facts: Facts): string {
  return table([
    ['network', facts.network],
    ['node', facts.node],
    ['network prefix', facts.networkPrefix],
    ['site prefix', facts.sitePrefix],
    ['router address', facts.routerAddress],
    ['MAC', facts.mac],
    ['RFC 4193 prefix', facts.rfc4193Prefix],
    ['RFC 4193 address', facts.rfc4193Address],
  ])
}
