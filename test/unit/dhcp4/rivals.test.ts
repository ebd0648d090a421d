import { expect, test } from 'vitest'
import { parseIp4 } from '../../../appliance/base/ip4.ts'
import { Rivals } from '../../../appliance/dhcp4/rivals.ts'
import { macB } from './scene.ts'

const rival = { address: parseIp4('192.168.8.2'), mac: macB }

test('two questions at the start, then silence, then one now and then', () => {
  const rivals = new Rivals(0)
  expect(rivals.ask(0)).toEqual({ now: true, next: 1_000 })
  expect(rivals.ask(500)).toEqual({ now: false, next: 1_000 })
  expect(rivals.ask(1_000)).toEqual({ now: true, next: 301_000 })
  expect([rivals.state(2_999), rivals.state(3_000)]).toEqual(['unknown', 'none'])
})

test('a server that has answered is asked more often, and forgotten when it answers no more', () => {
  const rivals = new Rivals(0)
  rivals.ask(0)
  rivals.ask(1_000)
  expect([rivals.hear(rival, 1_100), rivals.hear(rival, 1_200)]).toEqual([true, false])
  expect(rivals.ask(21_100)).toEqual({ now: true, next: 41_100 })
  expect([rivals.state(71_199), rivals.state(71_200)]).toEqual(['some', 'none'])
})

test('a client that chooses another server makes us ask, but not at each of its words', () => {
  const rivals = new Rivals(0)
  rivals.ask(0)
  rivals.ask(1_000)
  rivals.suspect(100_000)
  expect(rivals.ask(100_000).now).toBe(true)
  rivals.suspect(100_001)
  expect(rivals.ask(100_001)).toEqual({ now: false, next: 120_000 })
})
