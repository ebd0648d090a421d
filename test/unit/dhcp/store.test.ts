import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../appliance/base/clock.ts'
import { OperatorError } from '../../../appliance/base/errors.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import {
  addressOf,
  type Binding,
  type Change,
  isLive,
  keyText,
  type Quarantine,
} from '../../../appliance/dhcp/binding.ts'
import { loadIdentity } from '../../../appliance/dhcp/identity.ts'
import { openStore } from '../../../appliance/dhcp/store.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { host, macA, macB, site, them } from './scene.ts'

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'siteplane-'))

  get file(): string {
    return join(this.path, 'leases.sqlite')
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

/** A clock that a test moves. */
class TestClock implements Clock {
  wall = 1_800_000_000_000
  steady = 1000

  now(): number {
    return this.wall
  }

  monotonic(): number {
    return this.steady
  }

  pass(milliseconds: number): void {
    this.wall += milliseconds
    this.steady += milliseconds
  }
}

const start = new TestClock().wall
const bindingOf = (over: Partial<Binding> = {}): Binding => ({
  subnet: undefined,
  duid: host,
  iaType: 'na',
  iaid: 1,
  clone: undefined,
  host: 0x1234_5678_9abc,
  mac: macA,
  hostname: 'pc',
  state: 'bound',
  grantedAt: start,
  preferredUntil: start + 3_600_000,
  validUntil: start + 86_400_000,
  ...over,
})
const put = (over: Partial<Binding> = {}): Change => ({ kind: 'put', binding: bindingOf(over) })
const quarantine: Quarantine = { subnet: 3, host: 7, duid: them, iaid: 2, mac: undefined, until: start + 1000 }

describe('the lease file', () => {
  test('F10 keeps what was committed, every field of it', () => {
    using folder = new Folder()
    const clock = new TestClock()
    const full = bindingOf({ subnet: 63, clone: macB, iaid: 0xffff_ffff, host: 2 ** 40 - 1 })
    const bare = bindingOf({ mac: undefined, hostname: undefined, state: 'released' })
    {
      using store = openStore(folder.file, silentLog, clock)
      store.stage([
        { kind: 'put', binding: full },
        { kind: 'put', binding: bare },
        { kind: 'quarantine', quarantine },
      ])
      expect(store.commit()).toBe(true)
    }
    using store = openStore(folder.file, silentLog, clock)
    expect([...store.all()].sort((a, b) => a.iaid - b.iaid)).toEqual([bare, full])
    expect([...store.quarantined()]).toEqual([quarantine])
    expect(store.reasons()).toEqual([])
  })

  test('what was staged and not committed is not there after a crash', () => {
    using folder = new Folder()
    using crashed = openStore(folder.file, silentLog, new TestClock())
    crashed.stage([put()])
    using store = openStore(folder.file, silentLog, new TestClock())
    expect([...store.all()]).toEqual([])
  })

  test('only we may read it', () => {
    using folder = new Folder()
    using _ = openStore(folder.file, silentLog, new TestClock())
    expect(readdirSync(folder.path).map(name => statSync(join(folder.path, name)).mode & 0o777)).toEqual([
      0o600, 0o600, 0o600,
    ])
  })

  test.for([
    [
      'is no database',
      (file: string) => writeFileSync(file, 'not a database at all, but long enough to be looked at'.repeat(40)),
    ],
    ['was cut off', (file: string) => truncateSync(file, 4096)],
    ['is full of noise', (file: string) => writeFileSync(file, readFileSync(file).fill(0xa5, 100))],
  ] as const)('a file that %s is set aside, made anew, and the status says so', ([, damage]) => {
    using folder = new Folder()
    {
      using store = openStore(folder.file, silentLog, new TestClock())
      store.stage(Array.from({ length: 200 }, (_, i) => put({ iaid: i, host: 0x10000 + i })))
      store.commit()
    }
    damage(folder.file)
    using store = openStore(folder.file, silentLog, new TestClock())
    expect(store.reasons()).toEqual([
      expect.stringMatching(/^the lease file was damaged .* set aside as .*\.corrupt and made anew$/),
    ])
    expect(readdirSync(folder.path)).toContain('leases.sqlite.corrupt')
    store.stage([put()])
    expect(store.commit()).toBe(true)
  })

  test('a file that is damaged while in use is written anew from memory', () => {
    using folder = new Folder()
    {
      using store = openStore(folder.file, silentLog, new TestClock())
      store.stage([put({ iaid: 1, host: 0x10001 })])
      expect(store.commit()).toBe(true)
      const other = new DatabaseSync(folder.file) // makes ours read its pages anew
      other.exec('INSERT OR REPLACE INTO heartbeat VALUES (1, 0); PRAGMA wal_checkpoint(TRUNCATE)')
      other.close()
      writeFileSync(folder.file, readFileSync(folder.file).fill(0xa5, 4096))
      store.stage([put({ iaid: 2, host: 0x10002 })])
      expect(store.commit()).toBe(true)
    }
    using store = openStore(folder.file, silentLog, new TestClock())
    expect([...store.all()].map(({ iaid }) => iaid)).toEqual([1, 2])
  })

  test('a file of a newer version is refused with a sentence', () => {
    using folder = new Folder()
    const db = new DatabaseSync(folder.file)
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(() => openStore(folder.file, silentLog)).toThrow(/was written by a newer siteplane/)
  })

  test('a folder that is not there is the operator’s to mend', () => {
    expect(() => openStore('/nonexistent/leases.sqlite', silentLog)).toThrow(OperatorError)
  })
})

describe('a disk that fails', () => {
  test('nothing is kept that could not be stored; it recovers by itself', () => {
    using folder = new Folder()
    const clock = new TestClock()
    using store = openStore(folder.file, silentLog, clock)
    store.stage([put()])
    expect(store.commit()).toBe(true)
    const blocker = new DatabaseSync(folder.file, { timeout: 0 })
    blocker.exec('BEGIN EXCLUSIVE') // as a full disk: no write gets through
    store.stage([
      { kind: 'remove', binding: bindingOf() },
      put({ duid: them, host: bindingOf().host }),
      put({ iaid: 9, host: 99 }),
    ])
    expect(store.commit()).toBe(false)
    expect([...store.all()]).toEqual([bindingOf()])
    expect(store.bindings.holder(undefined, bindingOf().host)).toEqual(bindingOf())
    expect(store.bindings.holder(undefined, 99)).toBeUndefined()
    expect(store.reasons()).toEqual([expect.stringMatching(/^leases can't be stored in .*: database is locked$/)])
    expect(store.usable()).toBe(false)
    blocker.exec('ROLLBACK')
    blocker.close()
    clock.pass(2000)
    expect(store.usable()).toBe(true)
    expect(store.reasons()).toEqual([])
  })
})

describe('L06 the clock', () => {
  test.for([3_600_000, -3_600_000])('leases move along when it is set by %i ms', moved => {
    using folder = new Folder()
    const clock = new TestClock()
    {
      using store = openStore(folder.file, silentLog, clock)
      store.stage([put(), { kind: 'quarantine', quarantine }])
      store.commit()
      clock.wall += moved
      store.now()
      expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([start + 86_400_000 + moved])
      expect([...store.quarantined()].map(({ until }) => until)).toEqual([start + 1000 + moved])
    }
    using store = openStore(folder.file, silentLog, clock)
    expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([start + 86_400_000 + moved])
  })

  test('time that only passes moves nothing', () => {
    using folder = new Folder()
    const clock = new TestClock()
    using store = openStore(folder.file, silentLog, clock)
    store.stage([put()])
    store.commit()
    clock.pass(90_000_000)
    store.now()
    expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([start + 86_400_000])
  })

  test('a lease that was granted in the future ends as long from now as was promised', () => {
    using folder = new Folder()
    const clock = new TestClock()
    {
      using store = openStore(folder.file, silentLog, clock)
      store.stage([put()])
      store.commit()
    }
    clock.wall -= 10 * 365 * 86_400_000 // a machine without a clock of its own, booted
    using store = openStore(folder.file, silentLog, clock)
    expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([clock.wall + 86_400_000])
  })
})

describe('the table', () => {
  const arbitraryChange = fc.oneof(
    fc.record({ kind: fc.constantFrom('put' as const, 'remove' as const), iaid: fc.nat(5), host: fc.nat(5) }),
  )

  test('taking changes back leaves what was there before', () => {
    fc.assert(
      fc.property(fc.array(arbitraryChange), fc.array(arbitraryChange), (first, second) => {
        const table = new Table()
        // As decisions do: whoever has the address goes before another gets it.
        const changes = (list: typeof first) =>
          list.flatMap(({ kind, iaid, host }): Change[] => {
            const binding = bindingOf({ iaid, host })
            if (kind === 'remove') return [{ kind, binding }]
            const holder = table.holder(undefined, host)
            return holder && holder.iaid !== iaid ? [] : [{ kind, binding }]
          })
        for (const change of changes(first))
          if (table.holder(undefined, change.kind === 'put' ? change.binding.host : -1) === undefined)
            table.apply([change])
        const before = [...table.bindings].map(keyText).sort()
        const hosts = () => Array.from({ length: 6 }, (_, i) => table.holder(undefined, i)?.iaid)
        const held = hosts()
        const undo = table.apply(changes(second).slice(0, 1))
        table.apply(undo)
        expect([...table.bindings].map(keyText).sort()).toEqual(before)
        expect(hosts()).toEqual(held)
      }),
    )
  })

  test('the count of live leases is what a look at each would say, whatever happens', () => {
    const lease = fc.record({
      kind: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
      iaid: fc.nat(20),
      subnet: fc.constantFrom(undefined, 3),
      state: fc.constantFrom('bound' as const, 'bound' as const, 'released' as const),
      ends: fc.nat(400_000),
      undo: fc.boolean(),
      later: fc.nat(30_000),
      moved: fc.constantFrom(0, 0, 0, 3_600_000, -3_600_000),
    })
    fc.assert(
      fc.property(fc.array(lease, { maxLength: 60 }), leases => {
        const table = new Table()
        let now = start
        for (const { kind, iaid, subnet, state, ends, undo, later, moved } of leases) {
          const binding = bindingOf({ iaid, host: iaid, subnet, state, validUntil: now + ends })
          const taken = table.apply([{ kind, binding }])
          if (undo) table.apply(taken)
          now += later + moved
          if (moved !== 0) table.shift(moved)
          for (const lan of [undefined, 3]) {
            const live = [...table.bindings].filter(each => each.subnet === lan && isLive(each, now))
            expect(table.live(lan, now)).toBe(live.length)
          }
        }
      }),
    )
  })

  test('whoever releases in a full table makes room for one', () => {
    const table = new Table(2)
    table.apply([put({ iaid: 1, host: 1 }), put({ iaid: 2, host: 2 })])
    expect(table.room(start)).toEqual({ kind: 'full' })
    const released = bindingOf({ iaid: 2, host: 2, state: 'released', validUntil: start })
    table.apply([{ kind: 'put', binding: released }])
    expect(table.room(start)).toEqual({ kind: 'reclaim', binding: released })
    expect(table.room(start, 1, new Set([released]))).toEqual({ kind: 'full' })
  })

  test('in a full table one card that has more than any host needs gives up its oldest, live or not', () => {
    const table = new Table(6, 3)
    const hoarded = (iaid: number) => put({ iaid, host: iaid, mac: macB })
    table.apply([put({ iaid: 0, host: 0 }), ...[1, 2, 3].map(hoarded)])
    expect(table.room(start)).toEqual({ kind: 'room' })
    table.apply([put({ iaid: 8, host: 8, mac: undefined }), put({ iaid: 9, host: 9, mac: undefined })])
    expect(table.room(start)).toEqual({ kind: 'full' }) // three of one card are no hoard
    table.apply([{ kind: 'remove', binding: bindingOf({ iaid: 9 }) }, hoarded(4)])
    table.apply([hoarded(1)]) // renewed, so that 2 is the oldest
    const room = table.room(start)
    expect(room).toEqual({ kind: 'reclaim', binding: bindingOf({ iaid: 2, host: 2, mac: macB }) })
    if (room.kind !== 'reclaim') return
    expect(table.room(start, 1, new Set([room.binding]))).toMatchObject({ binding: { iaid: 3 } })
    table.apply([{ kind: 'remove', binding: room.binding }, put({ iaid: 5, host: 5 })])
    expect(table.room(start)).toEqual({ kind: 'full' })
  })

  test('a full table gives up what ended longest ago, and nothing that is live', () => {
    const table = new Table(3)
    table.apply([
      put({ iaid: 1, host: 1, validUntil: 100 }),
      put({ iaid: 2, host: 2, validUntil: 50 }),
      put({ iaid: 3, host: 3, validUntil: 900 }),
    ])
    expect(table.room(40)).toEqual({ kind: 'full' })
    expect(table.room(60)).toEqual({ kind: 'reclaim', binding: bindingOf({ iaid: 2, host: 2, validUntil: 50 }) })
    const room = table.room(200)
    expect(room).toEqual({ kind: 'reclaim', binding: bindingOf({ iaid: 2, host: 2, validUntil: 50 }) })
    table.apply([{ kind: 'remove', binding: bindingOf({ iaid: 2 }) }])
    expect(table.room(200)).toEqual({ kind: 'room' })
    table.apply([put({ iaid: 4, host: 4, validUntil: 800 })])
    expect(table.room(200)).toEqual({ kind: 'reclaim', binding: bindingOf({ iaid: 1, host: 1, validUntil: 100 }) })
  })
})

describe('leases as the status shows them', () => {
  test('each with its state, its address under the prefix of now, by address', () => {
    using folder = new Folder()
    const clock = new TestClock()
    using store = openStore(folder.file, silentLog, clock)
    store.stage([
      put({ iaid: 4, host: 4, validUntil: start - 1 }),
      put({ iaid: 3, host: 3, state: 'released' }),
      put({ iaid: 1, host: 1, mac: undefined }),
      put({ iaid: 2, host: 2, subnet: 3 }), // a LAN that is not served now
      { kind: 'quarantine', quarantine: { ...quarantine, subnet: undefined } },
    ])
    store.commit()
    const rows = store.leases([{ interface: 'eth1', subnet: undefined, prefix: site }])
    expect(rows.map(({ address, state }) => [address, state])).toEqual([
      [addressOf(site, 1), 'bound'],
      [addressOf(site, 3), 'released'],
      [addressOf(site, 4), 'expired'],
      [addressOf(site, 7), 'declined'],
    ])
    expect(rows[0]).toEqual({
      duid: host,
      iaid: 1,
      type: 'IA_NA',
      prefixLength: 128,
      address: addressOf(site, 1),
      interface: 'eth1',
      linkLayerAddress: macA, // out of the DUID, as none was seen
      hostname: 'pc',
      preferredUntil: start + 3_600_000,
      validUntil: start + 86_400_000,
      state: 'bound',
    })
  })
})

describe('the identity', () => {
  test('D14 is made once and kept', () => {
    using folder = new Folder()
    const first = loadIdentity(folder.path)
    expect(first.duid).toMatch(/^00:04(:[0-9a-f]{2}){16}$/)
    expect(first.secret.length).toBe(32)
    expect(loadIdentity(folder.path)).toEqual(first)
    using other = new Folder()
    expect(loadIdentity(other.path)).not.toEqual(first)
    expect(readdirSync(folder.path).sort()).toEqual(['duid', 'secret'])
    for (const name of ['duid', 'secret']) expect(statSync(join(folder.path, name)).mode & 0o777).toBe(0o600)
  })

  test.for(['duid', 'secret'])('a damaged %s is an error, never a new one', name => {
    using folder = new Folder()
    loadIdentity(folder.path)
    for (const text of ['', 'zz', '00', '00:04:11']) {
      if (name === 'duid' && text === '00:04:11') continue // any three octets are a DUID
      writeFileSync(join(folder.path, name), text)
      expect(() => loadIdentity(folder.path)).toThrow(OperatorError)
    }
  })
})
