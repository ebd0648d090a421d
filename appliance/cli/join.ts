/**
 * Joins a network and waits until this node has its site: what is awaited goes to standard error as it changes, and what the node
 * is to standard output. It may be run again at any time, and then goes on waiting.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { sleep, systemClock } from '../base/clock.ts'
import { ConfigError, OperatorError } from '../base/errors.ts'
import { formatPrefix } from '../base/ip6.ts'
import { loadConfig } from '../config/load.ts'
import { type Config, defaultConfigFile } from '../config/schema.ts'
import { judge } from '../overlay/judge.ts'
import { joinNetwork, visit } from '../overlay/local-api.ts'
import type { OverlayReport } from '../overlay/overlay.ts'
import { formatNodeAddress, type NetworkId, parseNetworkId } from '../plane/sixplane.ts'
import { factsOf } from './address.ts'
import { oneOverlay } from './one-overlay.ts'
import type { CommonOptions } from './program.ts'
import { argument } from './site.ts'
import { duration, json, type Terminal } from './terminal.ts'

const pause = 500 // milliseconds between two looks: the service is on this machine, and answers within one
const usualHome = '/var/lib/zerotier-one'

interface Options extends CommonOptions {
  readonly home?: string
  readonly timeout: number
}

export function joinCommand(command: Command, terminal: Terminal): void {
  command
    .argument('[network]', "16 hex digits (default: the configuration's)", argument(parseNetworkId))
    .option('--home <folder>', `where ZeroTier keeps its files (default: the configuration's, or ${usualHome})`)
    .option('--timeout <seconds>', 'how long to wait', seconds, 600)
    .option('--json', 'as one object, when this node is a member')
    .action(async (network: NetworkId | undefined, options: Options) => {
      const wanted = wantedFrom(network, options)
      let told = false
      const report = await awaitSite(wanted, options.timeout * 1000, news => {
        if (news.node !== undefined && !told && !options.json) {
          terminal.out(`node ${formatNodeAddress(news.node)}\n`)
          told = true
        }
        if (news.state !== 'ok') terminal.err(`${news.state}: ${news.reason}\n`)
      })
      const facts = { ...factsOf(report.site!), interface: report.interface ?? null }
      terminal.out(options.json ? json(facts) : `site ${formatPrefix(report.site!.sitePrefix)}\n`)
    })
}

function seconds(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is not a number of seconds.')
}

interface Wanted {
  readonly network: NetworkId
  readonly home: string
}

function wantedFrom(network: NetworkId | undefined, { config: file, home }: Options): Wanted {
  const config = configured(network, file)
  const overlay = config && oneOverlay(config, network)
  if (overlay?.kind === 'static' && network === undefined)
    throw new OperatorError('the configured overlay is static: nothing is to be joined')
  const configuredHome = overlay?.kind === 'zerotier' ? overlay.home : undefined
  return { network: network ?? overlay!.network, home: home ?? configuredHome ?? usualHome }
}

/** With a network typed, a configuration is only a help: a new site may have none yet. */
function configured(network: NetworkId | undefined, file: string | undefined): Config | undefined {
  try {
    return loadConfig(file ?? defaultConfigFile)
  } catch (error) {
    if (network !== undefined && file === undefined && error instanceof ConfigError) return undefined
    throw error
  }
}

/** Resolves when the overlay is ok; `tell` hears of every change. Throws an OperatorError that says what was awaited in vain. */
async function awaitSite(
  wanted: Wanted,
  patience: number,
  tell: (news: OverlayReport) => void,
): Promise<OverlayReport> {
  const end = systemClock.monotonic() + patience
  for (let last = ''; ; ) {
    const report = await look(wanted)
    const news = `${report.state} ${report.reason}`
    if (news !== last) tell(report)
    last = news
    if (report.state === 'ok') return report
    if (systemClock.monotonic() >= end)
      throw new OperatorError(`gave up after ${duration(patience / 1000)}, still waiting: ${report.reason}`)
    await sleep(pause)
  }
}

/** One look; where the node has not joined, it is asked to. */
async function look({ home, network }: Wanted): Promise<OverlayReport> {
  const first = judge(network, await visit(home, network), undefined)
  if (first.state !== 'not-joined') return first
  const obstacle = await joinNetwork(home, network)
  return judge(network, obstacle ?? (await visit(home, network)), undefined)
}
