/** The rules of nftables that translate, as nft reads them: one table of our own, and nobody else's. */
import { formatIp6, formatPrefix, type Prefix } from '../base/ip6.ts'
import { translationBlock } from '../plane/plan.ts'
import { addressOf, keptFor, type TranslatedLan, type Translation } from './plan.ts'

export const tableName = 'siteplane'
export const heardName = 'heard'

const mostHeard = 8192 // addresses: what is more is not heard, and not translated

/** What the table is made for. */
export interface Ground {
  readonly sitePrefix: Prefix
  readonly networkPrefix: Prefix
  readonly lans: readonly TranslatedLan[]
}

/** The whole table in the place of what stands there, in one transaction. Flows that are translated go on. */
export function tableScript(ground: Ground, translations: readonly Translation[]): string {
  const { lans } = ground
  return [
    removalScript,
    `table ip6 ${tableName} {`,
    // Who sends, and when it last did: read now and then.
    `  set ${heardName} { type ipv6_addr . ether_addr; size ${mostHeard}; flags dynamic,timeout; timeout ${keptFor / 1000}s; }`,
    ...lans.flatMap((lan, i) => [
      map(`out${i}`, outgoing(lan, ground, translations)),
      map(`in${i}`, incoming(lan, ground, translations)),
    ]),
    chain(
      'forward',
      'filter hook forward priority -10',
      lans.map(lan => `${leaving(lan, ground)} ${hear}`),
    ),
    chain(
      'prerouting',
      'nat hook prerouting priority -100',
      lans.map((lan, i) => `${arriving(lan, ground)} dnat to ip6 daddr map @in${i}`),
    ),
    chain(
      'postrouting',
      'nat hook postrouting priority 100',
      // What has no address yet is dropped, and sent again: other sites could not answer it.
      lans.flatMap((lan, i) => [
        `${leaving(lan, ground)} snat to ip6 saddr map @out${i}`,
        `${leaving(lan, ground)} drop`,
      ]),
    ),
    '}',
    '',
  ].join('\n')
}

/** Other maps in the table that stands. */
export function mapsScript(ground: Ground, translations: readonly Translation[]): string {
  return ground.lans
    .flatMap((lan, i) => [
      refill(`out${i}`, outgoing(lan, ground, translations)),
      refill(`in${i}`, incoming(lan, ground, translations)),
    ])
    .join('')
}

/** Named first, since there is no removal of what may not be there. */
export const removalScript = `table ip6 ${tableName}\ndelete table ip6 ${tableName}\n`

const hear = `update @${heardName} { ip6 saddr . ether saddr }`

function leaving({ link, prefix }: TranslatedLan, { networkPrefix }: Ground): string {
  return `iifname "${link}" oifname != "${link}" ip6 saddr ${formatPrefix(prefix)} ip6 daddr ${formatPrefix(networkPrefix)}`
}

/** On the LAN itself hosts reach each other without us: what came from there would be answered past us. */
function arriving({ link }: TranslatedLan, { sitePrefix }: Ground): string {
  return `iifname != "${link}" ip6 daddr ${formatPrefix(translationBlock(sitePrefix))}`
}

const of = ({ link }: TranslatedLan, translations: readonly Translation[]) =>
  translations.filter(each => each.link === link)

function outgoing(lan: TranslatedLan, { sitePrefix }: Ground, translations: readonly Translation[]): string[] {
  return of(lan, translations).flatMap(each =>
    each.own.map(own => `${formatIp6(own)} : ${formatIp6(addressOf(sitePrefix, each))}`),
  )
}

function incoming(lan: TranslatedLan, { sitePrefix }: Ground, translations: readonly Translation[]): string[] {
  return of(lan, translations).map(each => `${formatIp6(addressOf(sitePrefix, each))} : ${formatIp6(each.own[0]!)}`)
}

function map(name: string, elements: readonly string[]): string {
  const filled = elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} }`
  return `  map ${name} { type ipv6_addr : ipv6_addr;${filled} }`
}

function refill(name: string, elements: readonly string[]): string {
  const fill = elements.length === 0 ? '' : `add element ip6 ${tableName} ${name} { ${elements.join(', ')} }\n`
  return `flush map ip6 ${tableName} ${name}\n${fill}`
}

function chain(name: string, type: string, rules: readonly string[]): string {
  return [`  chain ${name} {`, `    type ${type};`, ...rules.map(rule => `    ${rule}`), '  }'].join('\n')
}
