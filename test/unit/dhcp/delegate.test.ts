import { describe, expect, test } from 'vitest'
import { contains, formatPrefix, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { isLive } from '../../../appliance/dhcp/binding.ts'
import { type Duid, parseDuid } from '../../../appliance/dhcp/duid.ts'
import type { Message } from '../../../appliance/dhcp/message.ts'
import { findOption, findOptions } from '../../../appliance/dhcp/options.ts'
import type { Scope } from '../../../appliance/dhcp/scope.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { host, ia, macA, macB, message, oro, pd, Scene, site, them } from './scene.ts'

const block = 'fc9c:56c2:e389:e92c:eee5:c000::/82'
const delegate = { prefix: parsePrefix(block), delegatedLength: 96, shortestLength: 88 }
const scene = (over: Partial<Scope> = {}) => new Scene({ delegate, ...over })

/** The IA_PDs of a reply: `prefix preferred/valid`, or the status. */
const told = ({ options }: Message): string[][] =>
  findOptions(options, 'ia-pd').map(each => [
    ...findOptions(each.options, 'ia-prefix').map(
      ({ prefix, preferred, valid }) => `${formatPrefix(prefix)} ${preferred}/${valid}`,
    ),
    ...findOptions(each.options, 'status-code').map(({ status }) => `status ${status}`),
  ])
const live = (reply: Message): string => {
  const all = told(reply).flat()
  expect(all).toEqual([expect.stringMatching(/ 3600\/86400$/)])
  return all[0]!.split(' ')[0]!
}
const another = (i: number): Duid => parseDuid(`00:04:00:${i.toString(16).padStart(4, '0').replace(/^../, '$&:')}`)

describe('without delegation', () => {
  test.for(['solicit', 'request', 'renew', 'rebind'] as const)(
    'I03 F31 %s: NoPrefixAvail beside a served IA_NA',
    type => {
      const reply = new Scene().ask(type, [ia(), pd()])
      expect(told(reply)).toEqual([['status 6']])
      expect(findOption(findOption(reply.options, 'ia-na')!.options, 'ia-address')).toBeDefined()
    },
  )

  test('I03 a prefix alone: a Solicit draws nobody here, a Rebind is not answered', () => {
    const reply = new Scene().ask('solicit', [pd()])
    expect(findOption(reply.options, 'preference')).toBeUndefined()
    expect(new Scene().decide(message('rebind', [pd()]))).toMatchObject({ kind: 'ignore', reason: 'nothingToSay' })
  })

  test('F32 delegation switched off: the prefix comes back with lifetimes 0, and the lease is gone', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    here.scope = { ...here.scope, delegate: undefined }
    expect(told(here.ask('renew', [pd([prefix])]))).toEqual([[`${prefix} 0/0`, 'status 6']])
    expect(here.table.delegations()).toEqual([])
  })
})

describe('with delegation', () => {
  test('I01 F01 a Solicit is told what a Request then gets, T1 and T2 as in the IA_NA', () => {
    const here = scene()
    const offered = here.ask('solicit', [ia(), pd()])
    const reply = here.ask('request', [ia(), pd([live(offered)])])
    expect(live(reply)).toBe(live(offered))
    const { t1, t2 } = findOption(reply.options, 'ia-pd')!
    expect([t1, t2]).toEqual([1800, 2880])
    expect(contains(parsePrefix(block), parsePrefix(live(reply)))).toBe(true)
    expect(parsePrefix(live(reply)).length).toBe(96)
    expect(here.table.delegations()).toMatchObject([{ delegated: { length: 96, via: parseIp6('fe80::a') }, mac: macA }])
  })

  test('F06 I04 a Solicit with Rapid Commit binds the prefix, or advertises it where another server is', () => {
    const committed = scene()
    const reply = committed.ask('solicit', [pd(), { kind: 'rapid-commit' }])
    expect(findOption(reply.options, 'rapid-commit')).toBeDefined()
    expect(committed.table.delegations().length).toBe(1)
    const beside = scene()
    beside.alone = false
    expect(live(beside.ask('solicit', [pd(), { kind: 'rapid-commit' }]))).toBe(live(reply))
    expect(beside.table.delegations()).toEqual([])
  })

  test('I03 a prefix is of the site on a further LAN too, and no two LANs give the same', () => {
    const table = new Table()
    const small = { ...delegate, prefix: parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/95') }
    const first = new Scene({ delegate: small }, table)
    const second = new Scene({ delegate: small, plan: lanPlan(site, 5) }, table)
    const prefixes = [live(first.ask('request', [pd()])), live(second.ask('request', [pd()]))]
    expect(prefixes.toSorted()).toEqual(['fc9c:56c2:e389:e92c:eee5:c000::/96', 'fc9c:56c2:e389:e92c:eee5:c001::/96'])
    expect(told(first.ask('request', [pd([], 9)]))).toEqual([['status 6']])
  })

  test.for([
    { hint: '::/96', length: 96 },
    { hint: '::/112', length: 112 },
    { hint: '::/90', length: 90 },
    { hint: '::/84', length: 88 }, // as near as it may
    { hint: 'fd00:1:2:3::/100', length: 100 }, // another server's prefix: its length counts
  ])('I02 a hint at $hint gets a /$length', ({ hint, length }) => {
    expect(parsePrefix(live(scene().ask('request', [pd([hint])]))).length).toBe(length)
  })

  test.for(['::/64', '::/56', '::/80', 'fd00:1:2:3::/64'])('I03 I09 a hint at %s: NoPrefixAvail', hint => {
    const here = scene()
    for (const type of ['solicit', 'request'] as const) {
      const reply = here.ask(type, [ia(), pd([hint])])
      expect(told(reply)).toEqual([['status 6']])
      expect(findOption(findOption(reply.options, 'ia-na')!.options, 'ia-address')).toBeDefined()
    }
  })

  test('I02 a free prefix of the pool is had by asking, another host’s is not', () => {
    const here = scene()
    const wanted = 'fc9c:56c2:e389:e92c:eee5:c123:4560:0/108'
    expect(live(here.ask('request', [pd([wanted])]))).toBe(wanted)
    for (const [i, asked] of [
      wanted,
      'fc9c:56c2:e389:e92c:eee5:c123::/96',
      `${wanted.replace('108', '120')}`,
    ].entries()) {
      const got = live(here.ask('request', [pd([asked])], another(i)))
      expect(got).not.toBe(asked)
      expect(contains(parsePrefix(got), parsePrefix(wanted))).toBe(false)
      expect(contains(parsePrefix(wanted), parsePrefix(got))).toBe(false)
    }
  })

  test('J02 F15 after losing the database the prefix is the same by a new Solicit, a Renew and a Rebind', () => {
    const prefix = live(scene().ask('request', [pd()]))
    expect(live(scene().ask('solicit', [pd()]))).toBe(prefix)
    expect(live(scene().ask('renew', [pd([prefix])]))).toBe(prefix)
    const lost = scene()
    expect(live(lost.ask('rebind', [pd([prefix])]))).toBe(prefix)
    expect(lost.table.delegations().length).toBe(1)
  })

  test('F14 F16 a prefix that another client has by now: NoBinding to a Renew, lifetimes 0 and a new one to a Rebind', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    expect(told(here.ask('renew', [pd([prefix])], them))).toEqual([['status 3']])
    const [[fresh, old] = []] = told(here.ask('rebind', [pd([prefix])], them))
    expect(fresh).toMatch(/ 3600\/86400$/)
    expect(old).toBe(`${prefix} 0/0`)
  })

  test('F12 F32 a renumbered site: the same last bits under the new prefix, the old one with lifetimes 0', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    const moved = parsePrefix('fc9c:56c2:e311:2222:3333::/80')
    const pool = { ...delegate, prefix: parsePrefix('fc9c:56c2:e311:2222:3333:c000::/82') }
    here.scope = { ...here.scope, plan: lanPlan(moved, undefined), delegate: pool }
    const tail = prefix.replace('fc9c:56c2:e389:e92c:eee5', 'fc9c:56c2:e311:2222:3333')
    expect(told(here.ask('renew', [pd([prefix])]))).toEqual([[`${tail} 3600/86400`, `${prefix} 0/0`]])
  })

  test('a pool made smaller by a reload: who lies outside moves at its next renewal', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd(['fc9c:56c2:e389:e92c:eee5:ffff::/96'])]))
    here.scope = { ...here.scope, delegate: { ...delegate, prefix: parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/88') } }
    const [[fresh, old] = []] = told(here.ask('renew', [pd([prefix])]))
    expect(fresh).toMatch(/:c0[0-9a-f]{2}:/)
    expect(old).toBe(`${prefix} 0/0`)
    expect(here.table.delegations().length).toBe(1)
  })

  test('F23 F33 Release frees it, and the same client gets it again', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    expect(told(here.ask('release', [pd(['fc9c:56c2:e389:e92c:eee5:c000::/96'])]))).toEqual([])
    expect(isLive(here.table.delegations()[0]!, here.now)).toBe(true) // that one was never its
    expect(told(here.ask('release', [pd([prefix])]))).toEqual([])
    expect(isLive(here.table.delegations()[0]!, here.now)).toBe(false)
    expect(live(here.ask('request', [pd()]))).toBe(prefix)
  })

  test('F23 F24 Release and Decline of one that we don’t know: NoBinding; a prefix can not be declined', () => {
    for (const type of ['release', 'decline'] as const) expect(told(scene().ask(type, [pd()]))).toEqual([['status 3']])
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    expect(told(here.ask('decline', [pd([prefix])]))).toEqual([])
    expect(live(here.ask('renew', [pd([prefix])]))).toBe(prefix)
  })

  test('D16 an IA_NA and an IA_PD of one IAID are two bindings', () => {
    const here = scene()
    here.ask('request', [ia([], 7), pd([], 7)])
    expect([...here.table.bindings].map(({ iaType }) => iaType).toSorted()).toEqual(['na', 'pd'])
  })

  test('H08 through a relay nothing is delegated: no route of ours would lead there', () => {
    const here = scene()
    here.linkLocal = undefined
    expect(told(here.ask('request', [pd()]))).toEqual([['status 6']])
  })

  test('a copied host is asked for by its link-local address, and gets a prefix of its own', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    here.now += 10_000
    here.mac = macB
    here.linkLocal = parseIp6('fe80::b')
    const probe = { address: parseIp6('fe80::a'), mac: macA }
    expect(here.decide(message('request', [pd()]))).toEqual({ kind: 'probe', probe })
    here.answers = true
    expect(live(here.ask('request', [pd()]))).not.toBe(prefix)
    here.answers = undefined
    expect(here.table.delegations().length).toBe(2)
  })

  test('the next hop follows the client', () => {
    const here = scene()
    const prefix = live(here.ask('request', [pd()]))
    here.linkLocal = parseIp6('fe80::1234')
    here.ask('renew', [pd([prefix])])
    expect(here.table.delegations()[0]!.delegated!.via).toBe(parseIp6('fe80::1234'))
  })
})

describe('a stranger who takes what there is', () => {
  test('one card gets 64 prefixes and no more; others are served', () => {
    const here = scene()
    const outcomes = Array.from({ length: 80 }, (_, i) => told(here.ask('request', [pd()], another(i)))[0]![0])
    expect(outcomes.filter(each => each === 'status 6').length).toBe(16)
    here.mac = macB
    live(here.ask('request', [pd()], host))
  })

  test('J04 in a small pool every prefix is found, and an ended lease makes room', () => {
    const here = scene({ delegate: { ...delegate, prefix: parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/91') } })
    const all = Array.from({ length: 32 }, (_, i) => live(here.ask('request', [pd()], another(i))))
    expect(new Set(all).size).toBe(32)
    expect(told(here.ask('request', [pd()], host))).toEqual([['status 6']])
    here.now += 86_400_001
    live(here.ask('request', [pd(), oro('dns-servers')], host))
    expect(here.table.delegations().length).toBe(32)
  })
})

test('F06 Rapid Commit makes the lease of a prefix too, beside an address or alone', () => {
  const rapid = { kind: 'rapid-commit' } as const
  for (const options of [
    [rapid, ia(), pd()],
    [rapid, pd()],
  ]) {
    const site = scene()
    const reply = site.ask('solicit', options)
    expect(findOption(reply.options, 'rapid-commit')).toEqual(rapid)
    expect([...site.table.bindings].map(({ iaType }) => iaType).sort()).toEqual(
      options.length === 3 ? ['na', 'pd'] : ['pd'],
    )
    expect(told(site.ask('renew', [pd([live(reply)])]))).toEqual(told(reply))
  }
  const plain = scene({ rapidCommit: false })
  plain.ask('solicit', [rapid, pd()])
  expect(plain.table.size).toBe(0)
})
