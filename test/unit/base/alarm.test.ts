import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Alarm, systemClock } from '../../../appliance/base/clock.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function make() {
  const rung: number[] = []
  const start = systemClock.monotonic()
  const alarm = new Alarm(systemClock, () => rung.push(systemClock.monotonic() - start))
  return { alarm, rung, after: (milliseconds: number) => start + milliseconds }
}

test('rings once, at the time set last', () => {
  const { alarm, rung, after } = make()
  alarm.set(after(100))
  alarm.set(after(300))
  vi.advanceTimersByTime(1_000)
  expect(rung).toEqual([300])
})

test('a time that has passed rings at once, but not within the call', () => {
  const { alarm, rung, after } = make()
  alarm.set(after(-5))
  expect(rung).toEqual([])
  vi.advanceTimersByTime(0)
  expect(rung).toEqual([0])
})

test('Infinity and cancel never ring', () => {
  const { alarm, rung, after } = make()
  alarm.set(after(10))
  alarm.set(Number.POSITIVE_INFINITY)
  vi.advanceTimersByTime(1_000)
  alarm.set(after(2_000))
  alarm.cancel()
  vi.advanceTimersByTime(10_000)
  expect(rung).toEqual([])
})

test('a time after the longest timer of the platform rings early, never at once', () => {
  const { alarm, rung, after } = make()
  alarm.set(after(2 ** 40))
  vi.advanceTimersByTime(1_000_000)
  expect(rung).toEqual([])
})
