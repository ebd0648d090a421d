/** Hosts without DHCPv6, on the LANs that serve them: from the configuration to the table that translates, and what is shown of it. */
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { formatIp6, formatPrefix, type Prefix } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/schema.ts'
import type { LanStatus, LeaseRow } from '../http/api.ts'
import { openHeard } from '../netlink/heard.ts'
import type { Intent } from '../netlink/intent.ts'
import type { Site } from '../plane/site.ts'
import { formatNetworkId, type NetworkId } from '../plane/sixplane.ts'
import { addressOf, type Heard, keptFor, localPrefix, type TranslatedLan } from '../translation/plan.ts'
import { type Ground, heardName, tableName } from '../translation/ruleset.ts'
import { Translator } from '../translation/translator.ts'

interface SlaacOptions {
  readonly stateDirectory: string
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly log: Log
  /** Called when hosts may be told of their prefix, or no longer. */
  readonly onChange: () => void
}

export class Slaac {
  readonly #options: SlaacOptions
  readonly #translator: Translator
  #network: NetworkId | undefined
  #set: ReturnType<typeof openHeard> | undefined

  constructor(options: SlaacOptions) {
    this.#options = options
    const file = join(options.stateDirectory, 'translations.json')
    this.#translator = new Translator({ ...options, file, heard: () => this.#heard() })
  }

  follow(config: Config, site: Site | undefined, overlay: string | undefined): Promise<void> {
    const lans = config.lan.filter(lan => lan.slaac && lan.interface !== overlay)
    this.#network = config.overlay.network
    if (lans.length === 0) return this.#translator.follow(undefined)
    // While nobody knows who we are, what an earlier run left stands.
    return site ? this.#translator.follow(groundOf(lans, site, this.#options.secret)) : Promise.resolve()
  }

  /** What hosts of a LAN may make addresses of. */
  prefixOf(name: string): Prefix | undefined {
    return this.#lans.find(({ link }) => link === name)?.prefix
  }

  /** What the kernel shall route to LANs besides the site's own. */
  prefixes(): NonNullable<Intent['local']> {
    return this.#lans.map(({ link, prefix }) => ({ link, prefix }))
  }

  /** Of one LAN; null where it is off. */
  status(name: string, isOn: boolean): LanStatus['slaac'] {
    if (!isOn) return null
    const prefix = this.prefixOf(name)
    return {
      state: prefix ? 'serving' : 'waiting',
      prefix: prefix ? formatPrefix(prefix) : null,
      translated: this.#translator.translations.filter(({ link }) => link === name).length,
    }
  }

  reasons(): string[] {
    return this.#translator.reasons()
  }

  leases(): LeaseRow[] {
    const { ground, translations } = this.#translator
    if (!ground) return []
    return translations.map(translation => {
      const lan = ground.lans.find(({ link }) => link === translation.link)
      const until = new Date(translation.heardAt + keptFor).toISOString()
      return {
        type: 'SLAAC',
        duid: null,
        iaid: null,
        clientId: null,
        address: formatIp6(addressOf(ground.sitePrefix, translation)),
        network: this.#network === undefined ? null : formatNetworkId(this.#network),
        prefixLength: 128,
        translatedFrom: translation.own.map(formatIp6),
        interface: translation.link,
        subnet: lan?.subnet ?? null,
        relay: null,
        linkLayerAddress: translation.mac,
        hostname: null,
        preferredUntil: until,
        validUntil: until,
        state: 'translated',
        changedAt: new Date(translation.heardAt).toISOString(),
      }
    })
  }

  /** `final`: for good. Else a hand-over: hosts are translated meanwhile. */
  async stop(final: boolean): Promise<void> {
    await this.#translator.stop(final)
    this.#set?.[Symbol.dispose]()
  }

  get #lans(): readonly TranslatedLan[] {
    return this.#translator.stands ? (this.#translator.ground?.lans ?? []) : []
  }

  async #heard(): Promise<readonly Heard[]> {
    this.#set ??= openHeard(this.#options.log, tableName, heardName)
    const found = await this.#set.read()
    const now = this.#options.clock.now()
    return found.map(({ address, mac, left }) => ({ address, mac, at: now - Math.max(0, keptFor - left) }))
  }
}

function groundOf(lans: Config['lan'], { sitePrefix, networkPrefix }: Site, secret: Uint8Array): Ground {
  return {
    sitePrefix,
    networkPrefix,
    lans: lans.map(({ interface: link, subnet }) => ({ link, subnet, prefix: localPrefix(secret, subnet) })),
  }
}
