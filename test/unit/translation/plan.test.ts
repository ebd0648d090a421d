import { describe, expect, test } from 'vitest'
import { contains, formatIp6, formatPrefix, type Ip6, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { type Mac, parseMac } from '../../../appliance/base/mac.ts'
import { translationBlock } from '../../../appliance/plane/plan.ts'
import {
  addressOf,
  follow,
  type Heard,
  keptFor,
  localPrefix,
  type Translation,
} from '../../../appliance/translation/plan.ts'
import { mapsScript, tableScript } from '../../../appliance/translation/ruleset.ts'

const secret = new Uint8Array(32)
const site = parsePrefix('fc9c:56c2:e389:e92c:eee5::/80')
const lans = [
  { link: 'eth1', subnet: undefined, prefix: localPrefix(secret, undefined) },
  { link: 'eth2', subnet: 0, prefix: localPrefix(secret, 0) },
]
const now = 1_800_000_000_000
const macA = parseMac('02:00:00:00:00:0a')
const macB = parseMac('02:00:00:00:00:0b')
const own = (n: number, lan = 0) => (lans[lan]!.prefix.address + BigInt(n)) as Ip6
const says = (mac: Mac, address: Ip6, at = now): Heard => ({ mac, address, at })
const next = (known: readonly Translation[], heard: readonly Heard[], at = now) =>
  follow(known, heard, lans, secret, at)

test('the prefix of hosts is of the site alone, and another one for each LAN', () => {
  expect(lans.map(({ prefix }) => formatPrefix(prefix))).toEqual(['fdd8:5fd3:3009::/64', 'fdd8:5fd3:3009:1::/64'])
  expect(localPrefix(new Uint8Array(32).fill(1), undefined)).not.toEqual(lans[0]!.prefix)
})

describe('a host', () => {
  test('has one address of the site, the same one from an empty table, and different on each LAN', () => {
    const { translations, isNew } = next([], [says(macA, own(1)), says(macB, own(2)), says(macA, own(1, 1))])
    expect(isNew).toBe(true)
    expect(new Set(translations.map(({ host }) => host)).size).toBe(3)
    for (const each of translations)
      expect(contains(translationBlock(site), { address: addressOf(site, each), length: 128 })).toBe(true)
    expect(next([], [says(macA, own(1))]).translations[0]!.host).toBe(translations[0]!.host)
  })

  test('that is heard again is no news, though it be with two addresses in turn', () => {
    const { translations } = next([], [says(macA, own(1), now - 20), says(macA, own(2), now - 10)])
    const first = translations[0]!.own[0]
    const again = next(translations, [says(macA, own(1), now + 90), says(macA, own(2), now + 80)], now + 100)
    expect([again.isNew, again.translations[0]!.own[0]]).toEqual([false, first])
    expect(again.translations[0]!.heardAt).toBe(now + 90)
  })

  test('that has changed its address is sent to by the new one, and keeps the old one for what goes on', () => {
    const { translations } = next([], [says(macA, own(1))])
    const later = now + 700_000
    const changed = next(translations, [says(macA, own(1)), says(macA, own(2), later)], later)
    expect(changed.translations[0]!.own).toEqual([own(2), own(1)])
    expect(changed.translations[0]!.host).toBe(translations[0]!.host)
    const many = Array.from({ length: 12 }, (_, i) => says(macA, own(10 + i), later + i))
    expect(next(changed.translations, many, later + 20).translations[0]!.own).toHaveLength(8)
  })

  test('that nobody has heard for hours is forgotten, and so are those of a LAN that is off', () => {
    const { translations } = next([], [says(macA, own(1)), says(macB, own(1, 1))])
    expect(next(translations, [], now + keptFor - 1)).toMatchObject({ isNew: false })
    expect(next(translations, [], now + keptFor)).toMatchObject({ isNew: true, translations: [] })
    expect(follow(translations, [], lans.slice(0, 1), secret, now).translations).toHaveLength(1)
  })

  test('with an address of no LAN is nobody, and one too many finds no room', () => {
    expect(next([], [says(macA, parseIp6('fd00::1'))]).translations).toEqual([])
    const many = Array.from({ length: 1025 }, (_, i) =>
      says(
        parseMac(
          `02:00:00:00:${Math.floor(i / 256)
            .toString(16)
            .padStart(2, '0')}:${(i % 256).toString(16).padStart(2, '0')}`,
        ),
        own(i + 1),
      ),
    )
    const { translations, isFull } = next([], many)
    expect([translations.length, isFull]).toEqual([1024, true])
  })
})

test('the table as nft reads it', () => {
  const ground = { sitePrefix: site, networkPrefix: parsePrefix('fc9c:56c2:e300::/40'), lans: lans.slice(0, 1) }
  const known: Translation[] = [{ link: 'eth1', mac: macA, host: 0x1234_5678, own: [own(1), own(2)], heardAt: now }]
  expect(tableScript(ground, known)).toMatchInlineSnapshot(`
    "table ip6 siteplane
    delete table ip6 siteplane

    table ip6 siteplane {
      set heard { type ipv6_addr . ether_addr; size 8192; flags dynamic,timeout; timeout 21600s; }
      map out0 { type ipv6_addr : ipv6_addr; elements = { fdd8:5fd3:3009::1 : fc9c:56c2:e389:e92c:eee5:ffff:1234:5678, fdd8:5fd3:3009::2 : fc9c:56c2:e389:e92c:eee5:ffff:1234:5678 } }
      map in0 { type ipv6_addr : ipv6_addr; elements = { fc9c:56c2:e389:e92c:eee5:ffff:1234:5678 : fdd8:5fd3:3009::1 } }
      chain forward {
        type filter hook forward priority -10;
        iifname "eth1" oifname != "eth1" ip6 saddr fdd8:5fd3:3009::/64 ip6 daddr fc9c:56c2:e300::/40 update @heard { ip6 saddr . ether saddr }
      }
      chain prerouting {
        type nat hook prerouting priority -100;
        iifname != "eth1" ip6 daddr fc9c:56c2:e389:e92c:eee5:ffff::/96 dnat to ip6 daddr map @in0
      }
      chain postrouting {
        type nat hook postrouting priority 100;
        iifname "eth1" oifname != "eth1" ip6 saddr fdd8:5fd3:3009::/64 ip6 daddr fc9c:56c2:e300::/40 snat to ip6 saddr map @out0
        iifname "eth1" oifname != "eth1" ip6 saddr fdd8:5fd3:3009::/64 ip6 daddr fc9c:56c2:e300::/40 drop
      }
    }
    "
  `)
  expect(
    mapsScript(ground, [])
      .split('\n')
      .map(line => line.trim()),
  ).toEqual(['flush map ip6 siteplane out0', 'flush map ip6 siteplane in0', ''])
  expect(formatIp6(addressOf(site, known[0]!))).toBe('fc9c:56c2:e389:e92c:eee5:ffff:1234:5678')
})
