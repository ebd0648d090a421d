import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test, vi } from 'vitest'
import type { Clock } from '../../../appliance/base/clock.ts'
import { formatIp4 } from '../../../appliance/base/ip4.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { WriteAheadLog } from '../../../appliance/base/sqlite.ts'
import { Store4 } from '../../../appliance/dhcp4/store.ts'
import { commit, Folder } from '../dhcp/stored.ts'
import { leaseOf, macB, start } from './scene.ts'

const clockAt = (wall: { now: number; monotonic: number }): Clock => ({
  now: () => wall.now,
  monotonic: () => wall.monotonic,
})
const time = () => ({ now: start, monotonic: 0 })
const put = (address: string, over = {}) => {
  const lease = leaseOf(address, over)
  return { address: lease.address, lease }
}
const addresses = (store: Store4) => [...store.all].map(({ address }) => formatIp4(address)).sort()

test('what was commit is there after a crash, what was only staged is not', () => {
  using folder = new Folder()
  const store = new Store4(folder.file, silentLog, clockAt(time()), true)
  store.stage([put('192.168.8.5', { hostname: 'pc', clientId: '01:02' }), put('192.168.8.6', { client: macB })])
  expect(commit(store)).toBe(true)
  store.stage([put('192.168.8.7')])
  using next = new Store4(folder.file, silentLog, clockAt(time()), true) // beside the first, which never closed
  expect([...next.all]).toContainEqual(leaseOf('192.168.8.5', { hostname: 'pc', clientId: '01:02' }))
  expect(addresses(next)).toEqual(['192.168.8.5', '192.168.8.6'])
  store[Symbol.dispose]()
})

test('where the file can not be written nothing is promised, and memory holds what the file holds', () => {
  using folder = new Folder()
  using store = new Store4(folder.file, silentLog, clockAt(time()), true)
  store.stage([put('192.168.8.5')])
  expect(commit(store)).toBe(true)
  {
    using blocker = new DatabaseSync(folder.file)
    blocker.exec('BEGIN IMMEDIATE')
    store.stage([put('192.168.8.6'), { address: leaseOf('192.168.8.5').address, lease: undefined }])
    expect(commit(store)).toBe(false)
  }
  expect(addresses(store)).toEqual(['192.168.8.5'])
  expect(store.reasons()).toEqual([expect.stringContaining("IPv4 leases can't be stored")])
  store.stage([put('192.168.8.6')])
  expect(commit(store)).toBe(true)
  expect(store.reasons()).toEqual([])
})

test('beside its work the disk says what is stored; a sync that fails takes back all since, and the next sets it right', async () => {
  using folder = new Folder()
  const told: string[] = []
  using store = new Store4(folder.file, silentLog, clockAt(time()))
  const add = (address: string) => {
    store.stage([put(address)])
    store.commit(stored => void told.push(`${address} ${stored}`))
  }
  add('192.168.8.5')
  add('192.168.8.6')
  expect(told).toEqual([])
  await expect.poll(() => told).toEqual(['192.168.8.5 true', '192.168.8.6 true'])

  const sync = vi.spyOn(WriteAheadLog.prototype, 'sync').mockImplementation(done => {
    setImmediate(() => done(new Error('EIO: i/o error, fdatasync')))
  })
  add('192.168.8.7')
  add('192.168.8.8')
  await expect.poll(() => told.slice(2)).toEqual(['192.168.8.7 false', '192.168.8.8 false'])
  sync.mockRestore()
  expect(addresses(store)).toEqual(['192.168.8.5', '192.168.8.6'])
  expect(store.reasons()).toEqual([expect.stringContaining('EIO')])
  add('192.168.8.9')
  await expect.poll(() => told.at(-1)).toBe('192.168.8.9 true')
  expect(store.reasons()).toEqual([])
  using next = new Store4(folder.file, silentLog, clockAt(time()))
  expect(addresses(next)).toEqual(['192.168.8.5', '192.168.8.6', '192.168.8.9'])
})

test('a damaged file is set aside, and one that is deleted is made anew from memory', () => {
  using folder = new Folder()
  writeFileSync(folder.file, 'this was no database, and is long enough to be taken for one that is damaged'.repeat(20))
  using store = new Store4(folder.file, silentLog, clockAt(time()), true)
  expect(existsSync(`${folder.file}.corrupt`)).toBe(true)
  expect(store.reasons()).toEqual([expect.stringContaining('was damaged')])
  store.stage([put('192.168.8.5')])
  commit(store)
  for (const suffix of ['', '-wal', '-shm']) rmSync(folder.file + suffix, { force: true })
  store.tend()
  using next = new Store4(folder.file, silentLog, clockAt(time()), true)
  expect(addresses(next)).toEqual(['192.168.8.5'])
})

test('leases move along when the clock is set, and are forgotten a week after their end', () => {
  using folder = new Folder()
  const now = time()
  using store = new Store4(folder.file, silentLog, clockAt(now), true)
  store.stage([put('192.168.8.5')])
  commit(store)
  now.now += 86_400_000
  store.now()
  expect([...store.all][0]!.validUntil).toBe(start + 86_400_000 + 3_600_000)
  now.now += 8 * 86_400_000
  now.monotonic += 8 * 86_400_000
  store.tend()
  expect(addresses(store)).toEqual([])
})
