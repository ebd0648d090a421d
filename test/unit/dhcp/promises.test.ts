import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressIn,
  contains,
  formatIp6,
  formatPrefix,
  type Ip6,
  type Prefix,
  parsePrefix,
} from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import type { Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOptions, type IaPd, type Option } from '../../../appliance/dhcp/options.ts'
import { type Reservation, Reservations } from '../../../appliance/dhcp/reservations.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { ia, message, Scene, site } from './scene.ts'

// A few hosts, few addresses and prefixes: so that they meet.
const hosts = [1, 2, 3].map(i => ({
  duid: parseDuid(`00:03:00:01:02:00:00:00:00:0${i}`),
  mac: parseMac(`02:00:00:00:00:0${i}`),
}))
const pool = parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/94')
const subnets = [undefined, 5]
const offsets = [0x11, 0x12, 0x20000, 0x20001]

const prefixAt = (i: number, length: number): Prefix => {
  const size = 1n << BigInt(128 - length)
  return { address: addressIn(pool, ((BigInt(i) << 31n) / size) * size), length }
}
const pd = (prefixes: readonly Prefix[], iaid: number): IaPd => ({
  kind: 'ia-pd',
  iaid,
  t1: 0,
  t2: 0,
  options: prefixes.map(prefix => ({ kind: 'ia-prefix', prefix, preferred: 0, valid: 0, options: [] })),
})

/** What a reply promises, and takes back, of one IA. */
function leasesOf(option: Option): { what: Ip6 | Prefix; valid: number }[] {
  if (option.kind === 'ia-na')
    return findOptions(option.options, 'ia-address').map(({ address, valid }) => ({ what: address, valid }))
  if (option.kind === 'ia-pd')
    return findOptions(option.options, 'ia-prefix').map(({ prefix, valid }) => ({ what: prefix, valid }))
  return []
}

const meet = (a: Ip6 | Prefix, b: Ip6 | Prefix): boolean => {
  const [one, other] = [a, b].map(each => (typeof each === 'bigint' ? { address: each, length: 128 } : each)) as [
    Prefix,
    Prefix,
  ]
  return contains(one, other) || contains(other, one)
}
const text = (what: Ip6 | Prefix) => (typeof what === 'bigint' ? formatIp6(what) : formatPrefix(what))

/** What each host believes to have, by its IA: what the last Reply said, until that ends. */
class Beliefs {
  readonly #held = new Map<string, { what: Ip6 | Prefix; until: number }[]>()

  hear(who: string, asked: readonly Option[], type: keyof typeof MessageType, reply: Message, now: number): void {
    for (const option of asked) {
      if (option.kind !== 'ia-na' && option.kind !== 'ia-pd') continue
      const key = `${who} ${option.kind} ${option.iaid}`
      if (type === 'release' || type === 'decline') {
        const given = leasesOf(option).map(({ what }) => text(what))
        const left = (this.#held.get(key) ?? []).filter(({ what }) => !given.includes(text(what)))
        this.#held.set(key, left)
        continue
      }
      const answer = reply.options.find(each => each.kind === option.kind && each.iaid === option.iaid)
      const live = answer ? leasesOf(answer).filter(({ valid }) => valid > 0) : []
      this.#held.set(
        key,
        live.map(({ what, valid }) => ({ what, until: now + valid * 1000 })),
      )
    }
  }

  /** Pairs that two IAs hold at once. */
  conflicts(now: number): string[] {
    const all = [...this.#held].flatMap(([key, leases]) =>
      leases.filter(({ until }) => until > now).map(({ what }) => ({ key, what })),
    )
    return all.flatMap((a, i) =>
      all
        .slice(i + 1)
        .flatMap(b => (meet(a.what, b.what) ? [`${a.key}: ${text(a.what)}, ${b.key}: ${text(b.what)}`] : [])),
    )
  }
}

const reservation = fc.record({
  who: fc.nat(2),
  known: fc.constantFrom('duid', 'mac', 'name'),
  hosts: fc.uniqueArray(fc.constantFrom(...offsets), { maxLength: 2 }),
})

/** As the configuration allows: nobody has two, nothing is reserved twice. */
function reservationsOf(drawn: readonly { who: number; known: string; hosts: number[] }[]): Reservations {
  const taken = new Set<number>()
  const some = [...new Map(drawn.map(each => [each.who, each])).values()].map(
    ({ who, known, hosts: wanted }): Reservation => {
      const { duid, mac } = hosts[who]!
      const free = wanted.filter(each => !taken.has(each))
      for (const each of free) taken.add(each)
      return {
        identity:
          known === 'duid'
            ? { kind: 'duid', duid, iaid: undefined }
            : known === 'mac'
              ? { kind: 'mac', mac }
              : { kind: 'name', name: `pc${who}` },
        hosts: free,
        prefixes: who === 0 ? [{ host: Number(pool.address - site.address), length: 96 }] : [],
        hostname: known === 'name' ? `pc${who}` : undefined,
        offers: [],
      }
    },
  )
  return new Reservations(some)
}

const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ reload: fc.array(reservation, { maxLength: 3 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom('solicit', 'request', 'renew', 'rebind', 'release', 'decline'),
      who: fc.nat(2),
      lan: fc.nat(1),
      name: fc.option(fc.nat(2)),
      addresses: fc.array(fc.record({ iaid: fc.nat(1), at: fc.array(fc.constantFrom(...offsets), { maxLength: 2 }) }), {
        maxLength: 2,
      }),
      prefixes: fc.array(
        fc.record({
          iaid: fc.nat(1),
          at: fc.array(fc.tuple(fc.nat(6), fc.constantFrom(96, 97, 98)), { maxLength: 1 }),
        }),
        { maxLength: 2 },
      ),
      later: fc.constantFrom(0, 10_000, 50_000_000),
      user: fc.option(fc.constantFrom(...offsets), { freq: 6 }),
    }),
  },
)

test('I03 J04 J09 whatever is asked, reserved and found in use: no two hosts believe to have the same address or prefix', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), steps => {
      const table = new Table()
      const beliefs = new Beliefs()
      const scenes = subnets.map(subnet => {
        const delegate = { prefix: pool, delegatedLength: 96, shortestLength: 96 }
        return new Scene({ plan: lanPlan(site, subnet), delegate, probe: true, rapidCommit: false }, table)
      })
      let now = 1_800_000_000_000
      for (const each of steps) {
        if ('reload' in each) {
          // On the first LAN only: host names and prefixes are of the site, and in no file twice.
          scenes[0]!.scope = { ...scenes[0]!.scope, reservations: reservationsOf(each.reload) }
          continue
        }
        const scene = scenes[each.lan]!
        const { prefix } = scene.scope.plan
        const { duid, mac } = hosts[each.who]!
        now += each.later
        Object.assign(scene, { now, mac })
        scene.users.clear()
        if (each.user !== null) scene.users.set(addressIn(prefix, BigInt(each.user)), parseMac('02:00:00:00:00:ff'))
        const options: Option[] = [
          ...each.addresses.map(({ iaid, at }) =>
            ia(
              at.map(offset => addressIn(prefix, BigInt(offset))),
              iaid,
            ),
          ),
          ...each.prefixes.map(({ iaid, at }) =>
            pd(
              at.map(([i, length]) => prefixAt(i, length)),
              iaid,
            ),
          ),
        ]
        if (each.name !== null) options.push({ kind: 'client-fqdn', flags: 0, name: `pc${each.name}`, partial: true })
        const type = each.type as keyof typeof MessageType
        const outcome = scene.decide(message(type, options, duid))
        if (outcome.kind === 'reply' && type !== 'solicit')
          beliefs.hear(`${each.lan} ${duid}`, options, type, outcome.reply, now)
        expect(beliefs.conflicts(now)).toEqual([])
        const live = [...table.bindings].filter(({ state, validUntil }) => state === 'bound' && validUntil > now)
        const owners = new Map<string, Set<string>>()
        for (const { hostname, duid: owner } of live)
          if (hostname !== undefined) owners.set(hostname, (owners.get(hostname) ?? new Set()).add(owner))
        // A reload may reserve a name that another host has; it loses it when it renews, as an address.
        if (!steps.some(some => 'reload' in some)) for (const [, set] of owners) expect(set.size).toBe(1)
      }
    }),
    { numRuns: 400 },
  )
})
