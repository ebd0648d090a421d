import type { Command } from 'commander'
import { formatIp6, formatPrefix } from '../base/ip6.ts'
import type { Site } from '../plane/site.ts'
import { formatNetworkId, formatNodeAddress, rfc4193Address, rfc4193Prefix } from '../plane/sixplane.ts'
import { addSiteOptions, type SiteOptions, siteFor } from './site.ts'
import { json, type Terminal, table } from './terminal.ts'

export function addressCommand(command: Command, terminal: Terminal): void {
  addSiteOptions(command)
    .option('--json', 'as one object')
    .action(async (options: SiteOptions) => {
      const facts = factsOf(await siteFor(options))
      terminal.out(options.json ? json(facts) : showFacts(facts))
    })
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
