import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressIn, formatPrefix, type Ip6, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import type { Mac } from '../../../appliance/base/mac.ts'
import { addressOf } from '../../../appliance/dhcp/binding.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import type { Message } from '../../../appliance/dhcp/message.ts'
import { findOption, findOptions, type IaPd, type Option } from '../../../appliance/dhcp/options.ts'
import { type Identity, type Reservation, Reservations } from '../../../appliance/dhcp/reservations.ts'
import { host, ia, iasOf, macA, macB, message, offered, onlyAddress, oro, pd, Scene, site, them } from './scene.ts'

const byDuid: Identity = { kind: 'duid', duid: host, iaid: undefined }
const reserve = (identity: Identity, over: Partial<Reservation> = {}): Reservation => ({
  identity,
  hosts: [0x11],
  prefixes: [],
  hostname: undefined,
  offers: [],
  ...over,
})
const scene = (...all: Reservation[]) => new Scene({ reservations: new Reservations(all) })
const at = (offset: number): Ip6 => addressIn(site, BigInt(offset))
const fqdn = (name: string): Option => ({ kind: 'client-fqdn', flags: 0, name, partial: true })

test('every prefix that shares an address with a range is found, and no other', () => {
  const places = fc.uniqueArray(fc.nat(40), { maxLength: 12 })
  fc.assert(
    fc.property(places, fc.nat(44 * 16), fc.nat(100), (blocks, first, size) => {
      // Blocks of 16 addresses, of which a prefix takes all or the first half.
      const all = blocks.map((block, i) =>
        reserve({ ...byDuid, iaid: i }, { prefixes: [{ host: block * 16, length: block % 2 ? 124 : 125 }] }),
      )
      const shares = ({ prefixes: [prefix] }: Reservation) =>
        prefix!.host <= first + size && prefix!.host + 2 ** (128 - prefix!.length) > first
      const found = new Reservations(all).within(first, first + size)
      expect(new Set(found)).toEqual(new Set(all.filter(shares)))
    }),
  )
})

test('a prefix that is reserved on another LAN is delegated to nobody here', () => {
  const delegate = {
    prefix: parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/82'),
    delegatedLength: 96,
    shortestLength: 88,
  }
  const reserved = { host: 0xc001_0000_0000, length: 96 }
  const prefix = { address: at(reserved.host), length: 96 }
  const asking: IaPd = {
    kind: 'ia-pd',
    iaid: 1,
    t1: 0,
    t2: 0,
    options: [{ kind: 'ia-prefix', prefix, preferred: 0, valid: 0, options: [] }],
  }
  const given = (reservations: Reservations) => {
    const reply = new Scene({ delegate, reservations }).ask('request', [asking])
    return findOption(findOption(reply.options, 'ia-pd')!.options, 'ia-prefix')?.prefix
  }
  expect(given(new Reservations())).toEqual(prefix)
  expect(given(new Reservations([], [reserved]))).not.toEqual(prefix)
})

describe('who a host is known by', () => {
  test.for<{ name: string; identity: Identity; mac?: Mac; options?: Option[]; duid?: string }>([
    { name: 'its DUID', identity: byDuid },
    { name: 'its DUID and IAID', identity: { ...byDuid, iaid: 1 } },
    { name: 'its MAC', identity: { kind: 'mac', mac: macA } },
    { name: 'the name that it gives itself', identity: { kind: 'name', name: 'pc' }, options: [fqdn('PC.lan')] },
    { name: 'the whole of its name', identity: { kind: 'name', name: 'pc.lan' }, options: [fqdn('PC.lan')] },
  ])('F01 $name: offered, given and extended', ({ identity, options = [] }) => {
    const here = scene(reserve(identity))
    const offer = onlyAddress(here.ask('solicit', [ia(), ...options]))
    expect(offer).toBe(at(0x11))
    expect(onlyAddress(here.ask('request', [ia([offer]), ...options]))).toBe(offer)
    expect(onlyAddress(here.ask('renew', [ia([offer])]))).toBe(offer)
    expect(onlyAddress(here.ask('rebind', [ia([offer])]))).toBe(offer)
  })

  test('the MAC in its DUID counts where its card hides', () => {
    const here = scene(reserve({ kind: 'mac', mac: macA }))
    here.mac = undefined
    expect(onlyAddress(here.ask('request', [ia()]))).toBe(at(0x11)) // the DUID-LLT of `host` has macA
    const other = scene(reserve({ kind: 'mac', mac: macA }))
    other.mac = macB
    expect(onlyAddress(other.ask('request', [ia()]))).not.toBe(at(0x11))
  })

  test.for<{ name: string; identity: Identity; options?: Option[] }>([
    { name: 'another DUID', identity: { ...byDuid, duid: them } },
    { name: 'another IAID', identity: { ...byDuid, iaid: 2 } },
    { name: 'another MAC', identity: { kind: 'mac', mac: macB } },
    { name: 'another name', identity: { kind: 'name', name: 'pc' }, options: [fqdn('pc2')] },
  ])('$name is another host, which never gets the address, not even by asking', ({ identity, options = [] }) => {
    const here = scene(reserve(identity))
    for (const type of ['solicit', 'request', 'renew', 'rebind'] as const) {
      const reply = here.ask(type, [ia([at(0x11)]), ...options])
      expect(iasOf(reply)[0]!.addresses.filter(([address, , valid]) => address === at(0x11) && valid > 0)).toEqual([])
    }
  })

  test('the most exact one counts', () => {
    const here = scene(
      reserve({ kind: 'mac', mac: macA }, { hosts: [0x13] }),
      reserve(byDuid, { hosts: [0x12] }),
      reserve({ ...byDuid, iaid: 1 }),
    )
    expect(onlyAddress(here.ask('request', [ia([], 1)]))).toBe(at(0x11))
    expect(onlyAddress(here.ask('request', [ia([], 2)]))).toBe(at(0x12))
  })

  test('J09 a name that another host has already is no claim to what is reserved for it', () => {
    const here = scene(reserve({ kind: 'name', name: 'pc' }))
    expect(onlyAddress(here.ask('request', [ia(), fqdn('pc')]))).toBe(at(0x11))
    expect(onlyAddress(here.ask('request', [ia(), fqdn('pc')], them))).not.toBe(at(0x11))
  })
})

describe('what is reserved', () => {
  test('J04 addresses of the dynamic range too: the hash passes them over', () => {
    const first = onlyAddress(new Scene().ask('solicit', [ia()]))
    const offset = Number(first - site.address)
    const here = scene(reserve({ ...byDuid, duid: them }, { hosts: [offset] }))
    expect(onlyAddress(here.ask('request', [ia([first])]))).not.toBe(first)
    expect(onlyAddress(here.ask('request', [ia()], them))).toBe(first)
  })

  test('several addresses for several IAs of a host; more get others', () => {
    const here = scene(reserve(byDuid, { hosts: [0x11, 0x12] }))
    const reply = here.ask('request', [ia([], 1), ia([], 2), ia([], 3)])
    const addresses = iasOf(reply).map(each => each.addresses[0]![0])
    expect(addresses.slice(0, 2)).toEqual([at(0x11), at(0x12)])
    expect(addresses[2]! > at(0xffff)).toBe(true)
  })

  test('a host name, which its host is told and no other gets', () => {
    const here = scene(reserve(byDuid, { hostname: 'printer' }))
    const reply = here.ask('request', [ia(), fqdn('HP-1234'), oro('client-fqdn')])
    expect(findOption(reply.options, 'client-fqdn')?.name).toBe('printer')
    here.ask('request', [ia(), fqdn('printer')], them)
    expect([...here.table.bindings].map(({ hostname }) => hostname)).toEqual(['printer', undefined])
  })

  test('F27 options, in the place of the LAN’s', () => {
    const [ours, theirs] = [parseIp6('fd00::1'), parseIp6('fd00::2')]
    const dns = (server: Ip6) => offered({ dns: { servers: [server], search: [] } })
    const here = scene(reserve(byDuid, { offers: dns(theirs) }))
    here.scope = { ...here.scope, offers: [...dns(ours), ...offered({ ntp: { servers: [ours] } })] }
    const servers = (reply: Message) => findOptions(reply.options, 'dns-servers').flatMap(each => each.servers)
    const asked = oro('dns-servers', 'ntp-server')
    const reply = here.ask('request', [ia(), asked])
    expect(servers(reply)).toEqual([theirs])
    expect(findOption(reply.options, 'ntp-server')).toBeDefined()
    expect(servers(here.ask('informationRequest', [asked]))).toEqual([theirs])
    expect(servers(here.ask('request', [ia(), asked], them))).toEqual([ours])
  })

  test('I02 a prefix, whatever the client hints at, also outside the pool; nobody else gets it or a part of it', () => {
    const block = parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/82')
    const delegate = {
      prefix: parsePrefix('fc9c:56c2:e389:e92c:eee5:d000::/90'),
      delegatedLength: 96,
      shortestLength: 90,
    }
    const offset = Number(block.address - site.address)
    const reservations = new Reservations([reserve(byDuid, { prefixes: [{ host: offset, length: 100 }] })])
    const here = new Scene({ reservations, delegate })
    const told = (reply: Message) =>
      findOptions(findOption(reply.options, 'ia-pd')!.options, 'ia-prefix').map(({ prefix }) => formatPrefix(prefix))
    const reserved = 'fc9c:56c2:e389:e92c:eee5:c000::/100'
    expect(told(here.ask('request', [pd(['::/64'])]))).toEqual([reserved])
    expect(told(here.ask('renew', [pd([reserved])]))).toEqual([reserved])
    here.scope = { ...here.scope, delegate: { ...delegate, prefix: block } }
    for (const wanted of [reserved, 'fc9c:56c2:e389:e92c:eee5:c000::/96', 'fc9c:56c2:e389:e92c:eee5:c000::/120'])
      expect(told(here.ask('request', [pd([wanted])], them))).not.toContain(wanted)
  })
})

describe('a reservation that comes by a reload', () => {
  test('J04 while another host has the address its host has another; the holder moves when it renews, then the host gets it', () => {
    const here = scene()
    const mine = onlyAddress(here.ask('request', [ia()], them))
    const held = onlyAddress(here.ask('request', [ia()]))
    const offset = Number(held - site.address)
    here.scope = {
      ...here.scope,
      reservations: new Reservations([reserve({ ...byDuid, duid: them }, { hosts: [offset] })]),
    }
    expect(onlyAddress(here.ask('renew', [ia([mine])], them))).toBe(mine) // not before the holder knows
    const moved = here.ask('renew', [ia([held])])
    expect(iasOf(moved)[0]!.addresses).toEqual([
      [onlyAddress(moved), 3600, 86_400],
      [held, 0, 0],
    ])
    const got = here.ask('renew', [ia([mine])], them)
    expect(iasOf(got)[0]!.addresses).toEqual([
      [held, 3600, 86_400],
      [mine, 0, 0],
    ])
  })

  test('taken away again, its host moves back into the dynamic range at its next renewal', () => {
    const here = scene(reserve(byDuid))
    here.ask('request', [ia()])
    here.scope = { ...here.scope, reservations: new Reservations() }
    const moved = here.ask('renew', [ia([at(0x11)])])
    expect(onlyAddress(moved) > at(0xffff)).toBe(true)
    expect(iasOf(moved)[0]!.addresses[1]).toEqual([at(0x11), 0, 0])
  })

  test('F24 a reserved address that its host declines: another one until the quarantine is over', () => {
    const here = scene(reserve(byDuid))
    here.ask('request', [ia()])
    here.ask('decline', [ia([at(0x11)])])
    const other = onlyAddress(here.ask('request', [ia()]))
    expect(other).not.toBe(at(0x11))
    here.now += 24 * 3600 * 1000
    expect(onlyAddress(here.ask('renew', [ia([other])]))).toBe(at(0x11))
  })

  test('F11 a reserved address is of the LAN', () => {
    const here = scene(reserve(byDuid))
    expect(findOption(here.ask('confirm', [ia([addressOf(site, 0x11)])]).options, 'status-code')?.status).toBe(0)
    expect(here.decide(message('confirm', [ia(['fd00::1'])], parseDuid('00:04:aa:bb')))).toMatchObject({
      kind: 'ignore',
    })
  })
})
