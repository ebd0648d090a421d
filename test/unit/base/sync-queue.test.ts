import { expect, test } from 'vitest'
import { SyncQueue } from '../../../appliance/base/sync-queue.ts'

class Disk {
  readonly syncs: ((error?: Error) => void)[] = []
  readonly settled: (readonly [readonly string[], string | undefined])[] = []
  readonly queue = new SyncQueue<string>(
    done => void this.syncs.push(error => done(error)),
    (items, error) => void this.settled.push([items, error?.message]),
  )
}

test('what is written during a sync waits for the next one, together', () => {
  const { queue, syncs, settled } = new Disk()
  queue.push('a')
  queue.push('b')
  queue.push('c')
  expect(syncs.length).toBe(1)
  expect(settled).toEqual([])
  syncs[0]!()
  expect(settled).toEqual([[['a'], undefined]])
  expect(syncs.length).toBe(2)
  queue.push('d')
  syncs[1]!()
  syncs[2]!()
  expect(settled.slice(1)).toEqual([
    [['b', 'c'], undefined],
    [['d'], undefined],
  ])
  expect(syncs.length).toBe(3)
})

test('a sync that fails takes what waits along, and the next one is new', () => {
  const { queue, syncs, settled } = new Disk()
  queue.push('a')
  queue.push('b')
  queue.push('c')
  syncs[0]!(new Error('EIO'))
  expect(settled).toEqual([[['a', 'b', 'c'], 'EIO']])
  expect(syncs.length).toBe(1)
  queue.push('d')
  syncs[1]!()
  expect(settled.at(-1)).toEqual([['d'], undefined])
})
