/** Keeps the table of nftables in step with the LANs and with the hosts that are heard, as long as a LAN wants it. */
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatPrefix } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import { loadTranslations, removeTranslations, saveTranslations } from './file.ts'
import { nft } from './nft.ts'
import { follow, type Heard, type Translation } from './plan.ts'
import { type Ground, mapsScript, removalScript, tableScript } from './ruleset.ts'

export interface TranslatorOptions {
  readonly file: string
  readonly secret: Uint8Array
  /** Who has sent something: what the table's set holds. Rejects where the table is not there. */
  readonly heard: () => Promise<readonly Heard[]>
  /** Called when the table stands or no longer does. */
  readonly onChange: () => void
  readonly clock: Clock
  readonly log: Log
}

const every = 500 // ms: how long the first packet of a host waits at most to be let through; TCP sends it again after a second
const retryAfter = 5_000 // ms
const savedEvery = 600_000 // ms: when hosts were last heard is worth no more

export class Translator {
  readonly #options: TranslatorOptions
  readonly #throttle: Throttle
  #translations: readonly Translation[]
  #ground: Ground | undefined
  #standing = '' // the ground that the table was made for
  #failure: string | undefined
  #full = false
  #mayBeThere: boolean // a table of an earlier run
  #savedAt = 0
  #notBefore = 0 // monotonic: what has just failed isn't tried again at once
  #timer: NodeJS.Timeout | undefined
  #last: Promise<void> = Promise.resolve()
  #ended = false

  constructor(options: TranslatorOptions) {
    this.#options = options
    this.#throttle = new Throttle(options.clock)
    const known = loadTranslations(options.file, options.log)
    this.#mayBeThere = known !== undefined
    this.#translations = known ?? []
  }

  /** Whether hosts may be told of their prefix: not before what they send is translated. */
  get stands(): boolean {
    return this.#standing !== ''
  }

  get ground(): Ground | undefined {
    return this.#ground
  }

  get translations(): readonly Translation[] {
    return this.#ground ? this.#translations : []
  }

  /** Why nothing is translated, or not everybody, as clauses. */
  reasons(): string[] {
    const full = 'so many hosts without DHCPv6 are translated that a new one found no room'
    return [...(this.#failure === undefined ? [] : [this.#failure]), ...(this.#full ? [full] : [])]
  }

  /** Undefined: nothing shall be translated. Resolves when the table is as it should be, or can't be. */
  follow(ground: Ground | undefined): Promise<void> {
    this.#ground = ground
    return this.#queue(() => this.#ensure())
  }

  /** `final`: the table goes. Else, as for a hand-over, it stands. */
  async stop(final: boolean): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    await this.#last
    if (this.#standing === '') return
    await this.#save()
    if (final) await nft(removalScript).catch(error => this.#fail(error))
  }

  #queue(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work)
    return this.#last
  }

  /** `anew`: although it was made for the same already. */
  async #ensure(anew = false): Promise<void> {
    const ground = this.#ground
    if (!ground || ground.lans.length === 0) return this.#remove()
    const wanted = keyOf(ground)
    const { clock, file, secret } = this.#options
    if ((wanted === this.#standing && !anew) || this.#ended || clock.monotonic() < this.#notBefore) return
    try {
      const { translations } = follow(this.#translations, [], ground.lans, secret, clock.now())
      await saveTranslations(file, translations) // first: the next start knows by it that a table may be there
      this.#mayBeThere = true
      await nft(tableScript(ground, translations))
      this.#translations = translations
      this.#failure = undefined
      this.#stand(wanted)
      this.#wake(every)
    } catch (error) {
      this.#fail(error)
      this.#stand('')
      this.#notBefore = clock.monotonic() + retryAfter
      this.#wake(retryAfter + 1)
    }
  }

  /** Nothing of it is left. */
  async #remove(): Promise<void> {
    clearTimeout(this.#timer)
    if (!this.#mayBeThere || this.#ended) return
    try {
      await nft(removalScript)
      removeTranslations(this.#options.file)
      this.#translations = []
      this.#mayBeThere = false
      this.#failure = undefined
    } catch (error) {
      this.#fail(error)
      this.#wake(retryAfter)
    }
    this.#stand('')
  }

  #stand(ground: string): void {
    if (ground === this.#standing) return
    this.#standing = ground
    this.#options.onChange()
  }

  async #look(): Promise<void> {
    const ground = this.#ground
    if (this.#ended) return
    if (!ground || this.#standing !== keyOf(ground)) return this.#ensure()
    const { heard, secret, clock } = this.#options
    try {
      const now = clock.now()
      const { translations, isNew, isFull } = follow(this.#translations, await heard(), ground.lans, secret, now)
      this.#full = isFull
      if (isNew) await nft(mapsScript(ground, translations))
      this.#translations = translations
      if (isNew || now - this.#savedAt > savedEvery) await this.#save()
    } catch (error) {
      this.#fail(error) // somebody has removed it, or parts of it
      return this.#ensure(true)
    }
    this.#wake(every)
  }

  #wake(milliseconds: number): void {
    clearTimeout(this.#timer)
    if (!this.#ended) this.#timer = setTimeout(() => void this.#queue(() => this.#look()), milliseconds).unref()
  }

  async #save(): Promise<void> {
    this.#savedAt = this.#options.clock.now()
    try {
      await saveTranslations(this.#options.file, this.#translations)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failure = `hosts without DHCPv6 can't be translated: ${messageOf(error)}`
    const pass = this.#throttle.pass('nft')
    if (pass) this.#options.log.error({ err: error, ...pass }, 'hosts without DHCPv6 can not be translated')
  }
}

function keyOf({ sitePrefix, networkPrefix, lans }: Ground): string {
  const links = lans.map(({ link, prefix }) => `${link} ${formatPrefix(prefix)}`)
  return [formatPrefix(sitePrefix), formatPrefix(networkPrefix), ...links].join(', ')
}
