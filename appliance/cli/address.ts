import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { ConfigError, messageOf, OperatorError } from '../base/errors.ts'
import { formatIp6, formatPrefix } from '../base/ip6.ts'
import { loadConfig } from '../config/load.ts'
import { defaultConfigFile, type OverlayConfig } from '../config/schema.ts'
import type { Status } from '../http/api.ts'
import { nodeOfIdentity } from '../plane/identity.ts'
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
  readonly identity?: string
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
    .option('--identity <file>', "the node of this identity.public, on a machine that needs nothing else of ZeroTier's")
    .option('--json', 'as one object')
    .action(async (options: Options) => {
      const facts = factsOf(await siteFor({ ...options, ...nodeTyped(options) }))
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

/** The node that was named, by itself or by its identity. */
function nodeTyped({ node, identity }: Options): { readonly node?: NodeAddress } {
  if (identity === undefined) return {}
  if (node !== undefined) throw new OperatorError('--node and --identity both say which node: give one of them')
  return { node: nodeIn(identity) }
}

/** Never quotes what the file holds: it may be identity.secret, or another secret by mistake. */
function nodeIn(file: string): NodeAddress {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new OperatorError(`${file} can't be read: ${unreadable(error)}`)
  }
  const node = nodeOfIdentity(text)
  if (node !== undefined) return node
  throw new OperatorError(`${file} holds no ZeroTier identity: it is identity.public in ZeroTier's home that does`)
}

function unreadable(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
      return 'this user may not'
    case 'EISDIR':
      return 'it is a directory'
    default:
      return messageOf(error)
  }
}

async function siteFor({ network, node, config, socket }: Options): Promise<Site> {
  if (network !== undefined && node !== undefined) return siteOf(network, node)
  if (socket !== undefined) return await siteBy(socket, network, node)
  const overlay = overlayFor(network, config, node)
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
function overlayFor(network: NetworkId | undefined, config?: string, node?: NodeAddress): OverlayConfig {
  if (network === undefined && node !== undefined && config === undefined) return usualOverlay()
  if (network === undefined) return loadConfig(config ?? defaultConfigFile).overlay
  if (config === undefined) return { kind: 'zerotier', network, home: '/var/lib/zerotier-one' }
  return { ...loadConfig(config).overlay, network }
}

/** Where a node was named, a configuration is a help and not what the command is about. */
function usualOverlay(): OverlayConfig {
  try {
    return loadConfig(defaultConfigFile).overlay
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new OperatorError(`the network is not known (no usable ${defaultConfigFile}); --network ID says it`)
  }
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
