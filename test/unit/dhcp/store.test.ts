import { readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../../appliance/base/clock.ts'
import { OperatorError } from '../../../appliance/base/errors.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { WriteAheadLog } from '../../../appliance/base/sqlite.ts'
import { addressOf, type Quarantine } from '../../../appliance/dhcp/binding.ts'
import { openStore } from '../../../appliance/dhcp/store.ts'
import { until } from '../../lab/until.ts'
import { host, macA, macB, site, them } from './scene.ts'
import { bindingOf, commit, Folder, put, start } from './stored.ts'

/** A clock that a test moves. */
class TestClock implements Clock {
  wall = start
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

const quarantine: Quarantine = {
  subnet: 3,
  host: 7,
  duid: them,
  iaid: 2,
  mac: undefined,
  registeredAt: start,
  until: start + 1000,
}

describe('the lease file', () => {
  test('F10 keeps what was committed, every field of it', () => {
    using folder = new Folder()
    const clock = new TestClock()
    const full = bindingOf({ subnet: 63, clone: macB, iaid: 0xffff_ffff, host: 2 ** 40 - 1 })
    const bare = bindingOf({ mac: undefined, hostname: undefined, state: 'released' })
    {
      using store = openStore(folder.file, silentLog, clock, true)
      store.stage([
        { kind: 'put', binding: full },
        { kind: 'put', binding: bare },
        { kind: 'quarantine', quarantine },
      ])
      expect(commit(store)).toBe(true)
    }
    using store = openStore(folder.file, silentLog, clock, true)
    expect([...store.all()].sort((a, b) => a.iaid - b.iaid)).toEqual([bare, full])
    expect([...store.quarantined()]).toEqual([quarantine])
    expect(store.reasons()).toEqual([])
  })

  test('what was staged and not committed is not there after a crash', () => {
    using folder = new Folder()
    using crashed = openStore(folder.file, silentLog, new TestClock(), true)
    crashed.stage([put()])
    using store = openStore(folder.file, silentLog, new TestClock(), true)
    expect([...store.all()]).toEqual([])
  })

  test('only we may read it', () => {
    using folder = new Folder()
    using _ = openStore(folder.file, silentLog, new TestClock(), true)
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
      using store = openStore(folder.file, silentLog, new TestClock(), true)
      store.stage(Array.from({ length: 200 }, (_, i) => put({ iaid: i, host: 0x10000 + i })))
      commit(store)
    }
    damage(folder.file)
    using store = openStore(folder.file, silentLog, new TestClock(), true)
    expect(store.reasons()).toEqual([
      expect.stringMatching(/^the lease file was damaged .* set aside as .*\.corrupt and made anew$/),
    ])
    expect(readdirSync(folder.path)).toContain('leases.sqlite.corrupt')
    store.stage([put()])
    expect(commit(store)).toBe(true)
  })

  test('a file that is damaged while in use is written anew from memory', () => {
    using folder = new Folder()
    {
      using store = openStore(folder.file, silentLog, new TestClock(), true)
      store.stage([put({ iaid: 1, host: 0x10001 })])
      expect(commit(store)).toBe(true)
      const other = new DatabaseSync(folder.file) // makes ours read its pages anew
      other.exec('INSERT OR REPLACE INTO heartbeat VALUES (1, 0); PRAGMA wal_checkpoint(TRUNCATE)')
      other.close()
      writeFileSync(folder.file, readFileSync(folder.file).fill(0xa5, 4096))
      store.stage([put({ iaid: 2, host: 0x10002 })])
      expect(commit(store)).toBe(true)
    }
    using store = openStore(folder.file, silentLog, new TestClock(), true)
    expect([...store.all()].map(({ iaid }) => iaid)).toEqual([1, 2])
  })

  test('a file that is deleted while in use is written anew from memory, as soon as its folder is there', () => {
    using folder = new Folder()
    const aside = `${folder.path}-aside`
    {
      using store = openStore(folder.file, silentLog, new TestClock(), true)
      store.stage([put({ iaid: 1, host: 0x10001 })])
      expect(commit(store)).toBe(true)
      for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name))
      store.tend()
      store.stage([put({ iaid: 2, host: 0x10002 })])
      expect(commit(store)).toBe(true)
      expect(store.reasons()).toEqual([`the lease file ${folder.file} was deleted while in use, and was made anew`])
      renameSync(folder.path, aside)
      store.tend()
      store.stage([put({ iaid: 3, host: 0x10003 })])
      expect(commit(store)).toBe(false)
      expect(store.reasons().length).toBe(2)
      renameSync(aside, folder.path)
      store.tend()
      store.stage([put({ iaid: 4, host: 0x10004 })])
      expect(commit(store)).toBe(true)
      expect(store.reasons().length).toBe(1)
    }
    using store = openStore(folder.file, silentLog, new TestClock(), true)
    expect([...store.all()].map(({ iaid }) => iaid)).toEqual([1, 2, 4])
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
    using store = openStore(folder.file, silentLog, clock, true)
    store.stage([put()])
    expect(commit(store)).toBe(true)
    const blocker = new DatabaseSync(folder.file, { timeout: 0 })
    blocker.exec('BEGIN EXCLUSIVE') // as a full disk: no write gets through
    store.stage([
      { kind: 'remove', binding: bindingOf() },
      put({ duid: them, host: bindingOf().host }),
      put({ iaid: 9, host: 99 }),
    ])
    expect(commit(store)).toBe(false)
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
    store.stage([put({ iaid: 10, host: 100 })])
    expect(commit(store)).toBe(true)
    using again = openStore(folder.file, silentLog, clock, true)
    expect([...again.all()].map(({ iaid }) => iaid)).toEqual([1, 10]) // and the file holds what memory does
  })
})

describe('a store that syncs beside its work', () => {
  test('says that it is stored when it is, in the order of the commits', async () => {
    using folder = new Folder()
    const told: [number, boolean][] = []
    using store = openStore(folder.file, silentLog, new TestClock())
    const heard: number[] = []
    store.onChange(changes => {
      for (const change of changes) if (change.kind === 'put') heard.push(change.binding.iaid)
    })
    for (const iaid of [1, 2, 3]) {
      store.stage([put({ iaid, host: iaid })])
      store.commit(stored => void told.push([iaid, stored]))
    }
    expect(told).toEqual([])
    await until(() => told.length === 3, 'the disk')
    expect(told).toEqual([1, 2, 3].map(iaid => [iaid, true]))
    expect(heard).toEqual([1, 2, 3])
  })

  test('a sync that fails takes back all that was written since, and the next success stores what memory holds', async () => {
    using folder = new Folder()
    const clock = new TestClock()
    const told: [number, boolean][] = []
    {
      using store = openStore(folder.file, silentLog, clock)
      const add = (iaid: number) => {
        store.stage([put({ iaid, host: iaid })])
        store.commit(stored => void told.push([iaid, stored]))
      }
      add(1)
      await until(() => told.length === 1, 'the disk')
      const sync = vi.spyOn(WriteAheadLog.prototype, 'sync').mockImplementation(done => {
        setImmediate(() => done(new Error('EIO: i/o error, fdatasync')))
      })
      add(2)
      add(3)
      await until(() => told.length === 3, 'the disk')
      sync.mockRestore()
      expect(told.slice(1)).toEqual([
        [2, false],
        [3, false],
      ])
      expect([...store.all()].map(({ iaid }) => iaid)).toEqual([1])
      expect(store.reasons()).toEqual([expect.stringMatching(/EIO/)])
      expect(store.usable()).toBe(false)
      clock.pass(2_000)
      expect(store.usable()).toBe(true)
      add(4)
      await until(() => told.length === 4, 'the disk')
      expect(told.at(-1)).toEqual([4, true])
    }
    using store = openStore(folder.file, silentLog, clock)
    expect([...store.all()].map(({ iaid }) => iaid)).toEqual([1, 4])
  })
})

describe('J13 what ended long ago', () => {
  test('is forgotten a week after its end, a few at a time, and never what is live', () => {
    using folder = new Folder()
    const clock = new TestClock()
    const day = 86_400_000
    {
      using store = openStore(folder.file, silentLog, clock, true)
      const old = Array.from({ length: 300 }, (_, i) => put({ iaid: i, host: i, validUntil: start + day }))
      store.stage([...old, put({ iaid: 900, host: 900, validUntil: start + 30 * day })])
      expect(commit(store)).toBe(true)
      clock.pass(7 * day)
      store.tend()
      expect([...store.all()].length).toBe(301)
      clock.pass(day + 60_000)
      store.tend()
      expect([...store.all()].length).toBe(301 - 256)
      store.tend()
    }
    using store = openStore(folder.file, silentLog, clock, true)
    expect([...store.all()].map(({ iaid }) => iaid)).toEqual([900])
  })
})

describe('L06 the clock', () => {
  test.for([3_600_000, -3_600_000])('leases move along when it is set by %i ms', moved => {
    using folder = new Folder()
    const clock = new TestClock()
    {
      using store = openStore(folder.file, silentLog, clock, true)
      store.stage([put(), { kind: 'quarantine', quarantine }])
      commit(store)
      clock.wall += moved
      store.now()
      expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([start + 86_400_000 + moved])
      expect([...store.quarantined()].map(({ registeredAt, until }) => [registeredAt, until])).toEqual([
        [start + moved, start + 1000 + moved],
      ])
    }
    using store = openStore(folder.file, silentLog, clock, true)
    expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([start + 86_400_000 + moved])
  })

  test('time that only passes moves nothing', () => {
    using folder = new Folder()
    const clock = new TestClock()
    using store = openStore(folder.file, silentLog, clock, true)
    store.stage([put()])
    commit(store)
    clock.pass(90_000_000)
    store.now()
    expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([start + 86_400_000])
  })

  test('a lease that was granted in the future ends as long from now as was promised', () => {
    using folder = new Folder()
    const clock = new TestClock()
    {
      using store = openStore(folder.file, silentLog, clock, true)
      store.stage([put()])
      commit(store)
    }
    clock.wall -= 10 * 365 * 86_400_000 // a machine without a clock of its own, booted
    using store = openStore(folder.file, silentLog, clock, true)
    expect([...store.all()].map(({ validUntil }) => validUntil)).toEqual([clock.wall + 86_400_000])
  })
})

describe('leases as the status shows them', () => {
  test('each with its state, its address under the prefix of now, by address', () => {
    using folder = new Folder()
    const clock = new TestClock()
    using store = openStore(folder.file, silentLog, clock, true)
    store.stage([
      put({ iaid: 4, host: 4, validUntil: start - 1 }),
      put({ iaid: 3, host: 3, state: 'released' }),
      put({ iaid: 1, host: 1, mac: undefined }),
      put({ iaid: 2, host: 2, subnet: 3 }), // a LAN that is not served now
      { kind: 'quarantine', quarantine: { ...quarantine, subnet: undefined, registeredAt: undefined } },
      { kind: 'quarantine', quarantine: { ...quarantine, subnet: undefined, host: 8 } },
    ])
    commit(store)
    const { rows, leftOut } = store.leases([{ interface: 'eth1', subnet: undefined, prefixes: [site] }])
    expect(leftOut).toBe(0)
    expect(rows.map(({ address, state }) => [address, state])).toEqual([
      [addressOf(site, 1), 'bound'],
      [addressOf(site, 3), 'released'],
      [addressOf(site, 4), 'expired'],
      [addressOf(site, 7), 'declined'],
      [addressOf(site, 8), 'registered'],
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
      changedAt: 1_800_000_000_000,
    })
  })
})
