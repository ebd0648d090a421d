/** Which site a command is about: by what was typed, the configuration, ZeroTier's local API or the daemon. */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { ConfigError, messageOf, OperatorError } from '../base/errors.ts'
import { loadConfig } from '../config/load.ts'
import { defaultConfigFile, type OverlayConfig } from '../config/schema.ts'
import type { Status } from '../http/api.ts'
import { nodeOfIdentity } from '../plane/identity.ts'
import { type Site, siteOf } from '../plane/site.ts'
import { type NetworkId, type NodeAddress, parseNetworkId, parseNodeAddress } from '../plane/sixplane.ts'
import { ask } from './client.ts'
import { oneOverlay } from './one-overlay.ts'
import { place, siteIn, unknownNode } from './place.ts'
import type { CommonOptions } from './program.ts'

/** What may be typed to say it. */
export interface SiteOptions extends CommonOptions {
  readonly network?: NetworkId
  readonly node?: NodeAddress
  readonly identity?: string
}

export function addSiteOptions(command: Command): Command {
  return command
    .option(
      '--network <id>',
      "16 hex digits (default: the configuration's, or with --socket the daemon's)",
      argument(parseNetworkId),
    )
    .option('--node <address>', '10 hex digits (default: this node)', argument(parseNodeAddress))
    .option('--identity <file>', "the node of this identity.public, on a machine that needs nothing else of ZeroTier's")
}

/** Throws an OperatorError where nobody knows it. */
export async function siteFor(options: SiteOptions): Promise<Site> {
  return await siteOfTyped({ ...options, ...nodeTyped(options) })
}

export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return text => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error))
    }
  }
}

/** The node that was named, by itself or by its identity. */
function nodeTyped({ node, identity }: SiteOptions): { readonly node?: NodeAddress } {
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

async function siteOfTyped({ network, node, config, socket }: SiteOptions): Promise<Site> {
  if (network !== undefined && node !== undefined) return siteOf(network, node)
  if (socket !== undefined) return await siteBy(socket, network, node)
  const overlay = overlayFor(network, config, node)
  if (node !== undefined) return siteOf(overlay.network, node)
  return siteIn(await place(overlay))
}

/** What was not typed, as the daemon on this socket knows it. */
async function siteBy(socket: string, network?: NetworkId, node?: NodeAddress): Promise<Site> {
  const { overlay: first, overlays } = await ask<Status>(socket, '/v1/status')
  const overlay = overlays.find(each => network !== undefined && parseNetworkId(each.network) === network) ?? first
  const its = node ?? (overlay.node === null ? undefined : parseNodeAddress(overlay.node))
  if (its === undefined) throw unknownNode(overlay.reason)
  return siteOf(network ?? parseNetworkId(overlay.network), its)
}

/** The configured overlay; where only a network was typed and no file, the usual ZeroTier service with that network. */
function overlayFor(network: NetworkId | undefined, config?: string, node?: NodeAddress): OverlayConfig {
  if (network === undefined && node !== undefined && config === undefined) return usualOverlay()
  if (network === undefined) return oneOverlay(loadConfig(config ?? defaultConfigFile))
  if (config === undefined) return { kind: 'zerotier', network, home: '/var/lib/zerotier-one' }
  return oneOverlay(loadConfig(config), network)
}

/** Where a node was named, a configuration is a help and not what the command is about. */
function usualOverlay(): OverlayConfig {
  try {
    return oneOverlay(loadConfig(defaultConfigFile))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new OperatorError(`the network is not known (no usable ${defaultConfigFile}); --network ID says it`)
  }
}
