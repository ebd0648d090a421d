import { expect, test } from 'vitest'
import { DecodeError, fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { parseIp6, unspecified } from '../../../appliance/base/ip6.ts'
import {
  checkMulticastRouterSolicitation,
  encodeMulticastRouterAdvertisement,
  encodeMulticastRouterTermination,
  MulticastRouterSchedule,
} from '../../../appliance/ndp/multicast-router.ts'

test('the messages: 20 s, neither a querier’s interval nor its robustness', () => {
  expect(toHex(encodeMulticastRouterAdvertisement())).toBe('9714000000000000')
  expect(toHex(encodeMulticastRouterTermination())).toBe('99000000')
})

test('three at the start, 2 s apart, then one every 20 s, give or take a fortieth', () => {
  const schedule = new MulticastRouterSchedule(() => 0.75)
  expect(schedule.due(0)).toBe(false)
  schedule.start(0)
  const sent: number[] = []
  while (schedule.wakeAt < 60_000) {
    const now = schedule.wakeAt
    if (schedule.due(now)) sent.push(now)
  }
  expect(sent).toEqual([0, 2_000, 4_000, 24_250, 44_500])
})

test('a solicitation is answered within 2 s, by the next one if that comes sooner', () => {
  const schedule = new MulticastRouterSchedule(() => 0.5)
  schedule.solicited(0)
  expect(schedule.running).toBe(false) // what has not started answers nobody
  schedule.start(0)
  for (const now of [0, 2_000, 4_000]) expect(schedule.due(now)).toBe(true)
  schedule.solicited(10_000)
  expect(schedule.wakeAt).toBe(11_000)
  schedule.solicited(10_900)
  expect(schedule.wakeAt).toBe(11_000)
  schedule.stop()
  expect(schedule.wakeAt).toBe(Number.POSITIVE_INFINITY)
})

test('a flood of solicitations is answered every two seconds at most', () => {
  let drawn = 0
  const random = () => {
    drawn++
    return (drawn * 0.618) % 1
  }
  const schedule = new MulticastRouterSchedule(random)
  schedule.start(0)
  const sent: number[] = []
  for (let now = 0; now < 60_000; now++) {
    schedule.solicited(now)
    if (schedule.due(now)) sent.push(now)
  }
  expect(sent.length).toBeLessThanOrEqual(30)
  expect(sent.slice(1).every((at, i) => at - sent[i]! >= 2_000)).toBe(true)
})

test('solicitations of other links, and other messages, are refused', () => {
  const bytes = fromHex('98000000')
  const linkLocal = parseIp6('fe80::5')
  expect(() => checkMulticastRouterSolicitation(bytes, linkLocal, 1)).not.toThrow()
  expect(() => checkMulticastRouterSolicitation(bytes, unspecified, 1)).not.toThrow()
  expect(() => checkMulticastRouterSolicitation(bytes, linkLocal, 64)).toThrow(DecodeError)
  expect(() => checkMulticastRouterSolicitation(bytes, parseIp6('2001:db8::5'), 1)).toThrow(DecodeError)
  expect(() => checkMulticastRouterSolicitation(fromHex('980000'), linkLocal, 1)).toThrow(DecodeError)
  expect(() => checkMulticastRouterSolicitation(fromHex('97000000'), linkLocal, 1)).toThrow(DecodeError)
})
