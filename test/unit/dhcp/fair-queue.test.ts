import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FairQueue } from '../../../appliance/dhcp/fair-queue.ts'

test('sources are served in turn, each in its own order', () => {
  const queue = new FairQueue<string, string>(100)
  for (const item of ['a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'c2']) queue.push(item[0]!, item)
  expect(queue.take(4)).toEqual(['a1', 'b1', 'c1', 'a2'])
  queue.push('b', 'b2')
  expect(queue.take(100)).toEqual(['c2', 'a3', 'b2', 'a4'])
  expect(queue.take(1)).toEqual([])
})

test('a flood loses its own, and another source nothing', () => {
  const queue = new FairQueue<string, string>(4)
  for (let i = 0; i < 4; i++) expect(queue.push('flood', `f${i}`)).toBeUndefined()
  expect(queue.push('flood', 'f4')).toBe('f4')
  expect(queue.push('host', 'h0')).toBe('f3')
  expect(queue.push('flood', 'f5')).toBe('f5')
  expect(queue.push('host', 'h1')).toBe('f2')
  expect(queue.push('host', 'h2')).toBe('h2') // it has its share
  expect(queue.take(10)).toEqual(['f0', 'h0', 'f1', 'h1'])
})

test('once the longest has given way, the next one does', () => {
  const queue = new FairQueue<string, string>(4)
  for (const item of ['a0', 'a1', 'b0', 'b1']) queue.push(item[0]!, item)
  expect(queue.push('c', 'c0')).toBe('a1')
  expect(queue.push('d', 'd0')).toBe('b1')
})

test('what was taken is let go, also while its source always has more', async () => {
  const queue = new FairQueue<string, object>(10)
  const taken: WeakRef<object>[] = []
  queue.push('flood', {})
  for (let i = 0; i < 1000; i++) {
    queue.push('flood', {})
    taken.push(new WeakRef(queue.take(1)[0]!))
  }
  await new Promise(resolve => setImmediate(resolve)) // until then what a WeakRef was made of stays
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  expect(taken.filter(item => item.deref() !== undefined).length).toBeLessThan(100)
})

test('it never holds more than it may, and nobody below a fair share loses anything', () => {
  const step = fc.oneof(
    fc.record({ source: fc.nat(5) }),
    fc.record({ source: fc.constant(0) }),
    fc.record({ take: fc.nat(6) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (steps, most) => {
      const queue = new FairQueue<number, number>(most)
      const held = new Map<number, number>()
      const add = (source: number, count: number) => held.set(source, (held.get(source) ?? 0) + count)
      for (const each of steps) {
        if ('take' in each) {
          for (const source of queue.take(each.take)) add(source, -1)
        } else {
          const sources = [...held].filter(([source, count]) => count > 0 || source === each.source).length
          const fair = most / Math.max(1, held.get(each.source) ? sources : sources + 1)
          const lost = queue.push(each.source, each.source)
          add(each.source, 1)
          if (lost !== undefined) {
            expect(held.get(lost)!).toBeGreaterThan(Math.floor(fair) - (lost === each.source ? 0 : 1))
            add(lost, -1)
          }
        }
        expect(queue.size).toBe([...held.values()].reduce((sum, count) => sum + count, 0))
        expect(queue.size).toBeLessThanOrEqual(most)
      }
    }),
  )
})
