/** The prefixes that an operator allocated by name, for containers and machines: kept on disk, and each with a route. */
import { messageOf, OperatorError } from '../base/errors.ts'
import { contains, formatIp6, formatPrefix, type Ip6, isLinkLocal, type Prefix, parseIp6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import { interfaceName } from '../config/text.ts'
import type { Bindings } from '../dhcp/binding.ts'
import type { Reservation } from '../dhcp/reservations.ts'
import type { Changed, PrefixRequest, PrefixRow } from '../http/api.ts'
import type { Intent } from '../netlink/intent.ts'
import type { KernelState } from '../netlink/kernel.ts'
import type { NetworkId } from '../plane/sixplane.ts'
import {
  choose,
  isOf,
  type NamedPrefix,
  nextHopIn,
  overlap,
  poolOf,
  prefixIn,
  reservedIn,
  type Surroundings,
  wayOf,
} from './named-prefix.ts'
import { loadPrefixes, savePrefixes } from './prefix-file.ts'
import { lostRow, rowOf, stale } from './prefix-row.ts'

const mostNames = 1024 // our own: each is a route in the kernel
const usualLength = 96

interface Options {
  readonly file: string
  readonly bindings: Bindings // of delegated prefixes, which come from the same addresses
  readonly now: () => number // milliseconds since 1970
  readonly log: Log
}

export class Prefixes {
  readonly #options: Options
  #all: readonly NamedPrefix[]
  #ranges: Reservation['prefixes']

  /** Throws an OperatorError where the file can't be read. */
  constructor(options: Options) {
    this.#options = options
    this.#all = loadPrefixes(options.file, options.log)
    this.#ranges = this.#all
  }

  /** The network of a prefix; undefined where nothing has the name. */
  find(name: string): Pick<NamedPrefix, 'network'> | undefined {
    return this.#all.find(each => each.name === name)
  }

  /** What no DHCPv6 client gets: the same list until a prefix comes or goes. */
  get ranges(): Reservation['prefixes'] {
    return this.#ranges
  }

  /** What the kernel shall hold. */
  routes(surroundings: Surroundings): Intent['routes'] {
    return this.#of(surroundings).flatMap(each => {
      const way = wayOf(each, surroundings)
      return way.kind === 'way' ? [{ prefix: prefixIn(surroundings.site, each), link: way.link, via: way.via }] : []
    })
  }

  /** Each with what became of its route. */
  rows(surroundings: Surroundings, kernel: KernelState | undefined): PrefixRow[] {
    return this.#of(surroundings).map(each => rowOf(each, surroundings, kernel))
  }

  /** Those of networks that this router is in no longer, as far as they can be told. */
  lost(networks: readonly NetworkId[]): PrefixRow[] {
    return this.#all.flatMap(named => {
      const { network } = named
      return network === undefined || networks.includes(network) ? [] : lostRow(named, network)
    })
  }

  /** What the configuration and the kernel have against them, as sentences. */
  conflicts(surroundings: Surroundings, kernel: KernelState | undefined): string[] {
    const { config, site } = surroundings
    const reserved = config.lan.flatMap(({ interface: link, reservations }) =>
      reservations.flatMap(({ prefixes }) => prefixes.map(prefix => ({ link, prefix, own: reservedIn(site, prefix) }))),
    )
    return this.#of(surroundings).flatMap(named => [
      ...reserved
        .filter(({ own }) => own !== undefined && overlap(own, named))
        .map(
          ({ link, prefix }) =>
            `${formatPrefix(prefix)} is reserved on ${link}, but ${named.name} has it: siteplane prefix release ${named.name}`,
        ),
      ...stale(named, surroundings, kernel),
    ])
  }

  /** Chooses a prefix and keeps it. The same request again is no error. */
  allocate(request: PrefixRequest, surroundings: Surroundings): Changed<NamedPrefix> {
    try {
      const asked = this.#read(request, surroundings)
      const known = this.#all.find(({ name }) => name === asked.name)
      if (known && !isOf(known, surroundings))
        return refused(
          409,
          `${known.name} is taken, in another overlay; siteplane prefix release ${known.name} gives it up`,
        )
      if (known && isSame(known, asked)) return { kind: 'done', what: known, created: false }
      if (known)
        return refused(
          409,
          `${known.name} is taken: ${describe(known, surroundings)}; siteplane prefix release ${known.name} gives it up`,
        )
      const way = wayOf(
        { ...asked, host: Number(poolOf(surroundings).address - surroundings.site.sitePrefix.address) },
        surroundings,
      )
      if (way.kind === 'none') return refused(400, `${asked.name} ${way.reason}`)
      if (this.#all.length >= mostNames) return refused(409, `${mostNames} prefixes have names, the most that may`)
      const { bindings, now } = this.#options
      const host = choose(asked, surroundings, this.#all, bindings, now())
      if (host === undefined) return refused(409, this.#noRoom(asked.length, poolOf(surroundings)))
      const named = { ...asked, host }
      const failure = this.#keep([...this.#all, named])
      if (failure) return failure
      this.#options.log.info(
        { name: named.name, prefix: formatPrefix(prefixIn(surroundings.site, named)) },
        'a prefix has a name',
      )
      return { kind: 'done', what: named, created: true }
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      return refused(400, error.message)
    }
  }

  release(name: string): Changed<NamedPrefix> {
    const known = this.#all.find(each => each.name === name)
    if (!known) return refused(404, `no prefix is called ${name}: siteplane prefix list shows those that there are`)
    const failure = this.#keep(this.#all.filter(each => each !== known))
    if (failure) return failure
    this.#options.log.info({ name }, 'a prefix has lost its name')
    return { kind: 'done', what: known, created: false }
  }

  #noRoom(length: number, pool: Prefix): string {
    const whole = this.#all.find(each => each.length <= pool.length)
    const advice = whole ? `${whole.name} has all of it` : 'ask for a longer one with --length'
    return `no /${length} is free in ${formatPrefix(pool)}: ${advice}`
  }

  /** On disk first: who hears of a prefix may rely on it. */
  #keep(all: readonly NamedPrefix[]): Changed<never> | undefined {
    const { file } = this.#options
    try {
      savePrefixes(file, all)
    } catch (error) {
      return refused(503, `nothing is changed: ${file} can't be written: ${messageOf(error)}`)
    }
    this.#all = this.#ranges = all
    return undefined
  }

  #read(request: PrefixRequest, surroundings: Surroundings): Omit<NamedPrefix, 'host'> {
    const { name, length = usualLength, interface: link } = request
    if (!/^[a-z0-9][a-z0-9._-]{0,31}$/i.test(name))
      throw new OperatorError(
        'a name has 1 to 32 letters, digits, dots, hyphens and underscores, and begins with a letter or digit',
      )
    const pool = poolOf(surroundings)
    if (length < pool.length || length > 128)
      throw new OperatorError(
        `/${length} can't be had: prefixes come from ${formatPrefix(pool)}, so --length is ${pool.length} to 128`,
      )
    if (link !== undefined && !interfaceName.safeParse(link).success)
      throw new OperatorError(`${link} is no name of an interface`)
    const via = request.via === undefined ? undefined : viaOf(request.via, surroundings)
    const network = surroundings.isFirst ? undefined : surroundings.site.network
    return { name, length, via, interface: link, allocatedAt: this.#options.now(), network }
  }

  #of(surroundings: Surroundings): readonly NamedPrefix[] {
    return this.#all.filter(each => isOf(each, surroundings))
  }
}

const refused = (status: 400 | 404 | 409 | 503, error: string): Changed<never> => ({ kind: 'refused', status, error })

/** Link-local, or relative to the site's prefix. */
function viaOf(text: string, { site }: Surroundings): Ip6 {
  let address: Ip6
  try {
    address = parseIp6(text)
  } catch (error) {
    throw new OperatorError(`--via: ${messageOf(error)}`)
  }
  if (isLinkLocal(address)) return address
  if (contains(site.sitePrefix, address)) return (address - site.sitePrefix.address) as Ip6
  throw new OperatorError(
    `${text} is on no LAN of this site: a next hop has an address in ${formatPrefix(site.sitePrefix)} or a link-local one`,
  )
}

const isSame = (a: Omit<NamedPrefix, 'host'>, b: Omit<NamedPrefix, 'host'>): boolean =>
  a.length === b.length && a.via === b.via && a.interface === b.interface

function describe(named: NamedPrefix, { site }: Surroundings): string {
  const { via, interface: link } = named
  const way = [
    via === undefined ? '' : ` via ${formatIp6(nextHopIn(site, via))}`,
    link === undefined ? '' : ` on ${link}`,
  ]
  return `${formatPrefix(prefixIn(site, named))}${way.join('')}`
}
