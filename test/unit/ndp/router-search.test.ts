import { expect, test } from 'vitest'
import { RouterSearch } from '../../../appliance/ndp/router-search.ts'

test('asks three times quickly, is over when the last had time to be answered, and then asks now and then', () => {
  const search = new RouterSearch()
  expect(search.due(0)).toBe(false)
  search.start(1_000)
  const asked: [number, boolean][] = []
  for (let now = 0; now <= 430_000; now += 500) if (search.due(now)) asked.push([now, search.over])
  expect(asked).toEqual([
    [1_000, false],
    [5_000, false],
    [9_000, false],
    [13_000, true],
    [213_000, true],
    [413_000, true],
  ])
})

test('starts anew only after a stop', () => {
  const search = new RouterSearch()
  search.start(0)
  expect(search.due(0)).toBe(true)
  search.start(1)
  expect(search.due(1)).toBe(false)
  search.stop()
  expect([search.wakeAt, search.over]).toEqual([Number.POSITIVE_INFINITY, false])
  search.start(2)
  expect(search.due(2)).toBe(true)
})
