import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatPrefix, parseIp6 } from '../../../appliance/base/ip6.ts'
import { type Binding, prefixOfDelegation } from '../../../appliance/dhcp/binding.ts'
import { LeaseDatabase } from '../../../appliance/dhcp/database.ts'
import { Delegations } from '../../../appliance/dhcp/delegations.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { host, macA, site } from './scene.ts'

const block = 0xc0 * 2 ** 40

const delegation = (first: number, length: number, iaid = 1): Binding => ({
  subnet: 3,
  duid: host,
  iaType: 'pd',
  iaid,
  clone: undefined,
  host: block + first,
  delegated: { length, via: parseIp6('fe80::a') },
  mac: macA,
  hostname: undefined,
  state: 'bound',
  grantedAt: 1000,
  preferredUntil: 2000,
  validUntil: 3000,
})

test('a delegation of any LAN is a prefix of the site', () => {
  const prefix = prefixOfDelegation(lanPlan(site, 3).prefix, delegation(2 ** 32, 96))
  expect(formatPrefix(prefix)).toBe('fc9c:56c2:e389:e92c:eee5:c001::/96')
})

test('J04 what shares an address with a prefix is found, whatever the lengths', () => {
  const size = (length: number) => 2 ** (128 - length)
  const range = fc
    .record({ length: fc.integer({ min: 120, max: 128 }), at: fc.nat(511) })
    .map(({ length, at }) => ({ length, first: block + at - (at % size(length)) }))
  fc.assert(
    fc.property(fc.array(range), range, (made, asked) => {
      const delegations = new Delegations()
      const kept: Binding[] = []
      const last = (each: { first: number; length: number }) => each.first + size(each.length) - 1
      for (const each of made) {
        if (delegations.overlapping(each.first, last(each)).length > 0) continue
        const binding = delegation(each.first - block, each.length)
        delegations.add(binding)
        kept.push(binding)
      }
      const gone = kept.pop()
      if (gone) delegations.delete(gone)
      const expected = kept.filter(
        ({ host: first, delegated }) => first <= last(asked) && first + size(delegated!.length) > asked.first,
      )
      const found = delegations.overlapping(asked.first, last(asked))
      expect(new Set(found)).toEqual(new Set(expected))
      expect(delegations.all.map(each => each.host)).toEqual(kept.map(each => each.host).toSorted((a, b) => a - b))
    }),
  )
})

test('a delegation is stored whole, beside an address of the same host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  try {
    const { delegated, ...rest } = delegation(0, 96)
    const address: Binding = { ...rest, iaType: 'na', host: 77_777 }
    const both = [{ ...rest, delegated }, address]
    using first = new LeaseDatabase(join(folder, 'leases.db'))
    first.write(both.map((binding, slot) => ({ slot, binding })))
    using second = new LeaseDatabase(join(folder, 'leases.db'))
    const bindings = [...second.leases()].map(({ binding }) => binding)
    expect(bindings).toEqual(both)
    const table = new Table()
    table.apply(bindings.map(binding => ({ kind: 'put', binding })))
    expect(table.delegations()).toEqual([both[0]])
    expect(table.holder(3, both[0]!.host)).toBeUndefined()
    expect(table.holder(3, 77_777)).toEqual(address)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the lease file of a release without delegations is taken over', () => {
  const folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  const path = join(folder, 'leases.db')
  try {
    const { delegated: _, ...rest } = delegation(0, 96)
    const address: Binding = { ...rest, iaType: 'na', host: 77_777 }
    new LeaseDatabase(path)[Symbol.dispose]()
    const old = new DatabaseSync(path)
    old.exec('DROP TABLE lease; DROP TABLE clock; DROP TABLE quarantine; DROP TABLE heartbeat; PRAGMA user_version = 0')
    old.exec(`CREATE TABLE binding (lan INTEGER NOT NULL, duid TEXT NOT NULL, ia TEXT NOT NULL, iaid INTEGER NOT NULL,
      clone TEXT NOT NULL, host INTEGER NOT NULL, mac TEXT, hostname TEXT, state TEXT NOT NULL, granted_at INTEGER NOT NULL,
      preferred_until INTEGER NOT NULL, valid_until INTEGER NOT NULL, PRIMARY KEY (lan, duid, ia, iaid, clone)) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX binding_host ON binding (lan, host);
      CREATE TABLE quarantine (lan INTEGER NOT NULL, host INTEGER NOT NULL, duid TEXT NOT NULL, iaid INTEGER NOT NULL, mac TEXT,
      until INTEGER NOT NULL, PRIMARY KEY (lan, host)) STRICT, WITHOUT ROWID;
      CREATE TABLE heartbeat (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT; PRAGMA user_version = 1`)
    const values = [3, host, 'na', 1, '', 77_777, macA, null, 'bound', 1000, 2000, 3000]
    old.prepare('INSERT INTO binding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(...values)
    old.close()
    using database = new LeaseDatabase(path)
    expect([...database.leases()]).toEqual([{ slot: 0, binding: address }])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
