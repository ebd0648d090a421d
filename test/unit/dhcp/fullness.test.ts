import { expect, test } from 'vitest'
import type { Binding } from '../../../appliance/dhcp/binding.ts'
import { fullness } from '../../../appliance/dhcp/fullness.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { macB } from './scene.ts'
import { put, start } from './stored.ts'

const full = (over: Partial<Binding>, count: number) => {
  const table = new Table(4, 2, 2)
  for (let iaid = 0; iaid < count; iaid++) table.apply([put({ iaid, host: iaid, ...over })])
  return fullness(table, start, 'eth1')
}

test.for<{ name: string; over: Partial<Binding>; count: number; told: string | undefined }>([
  { name: 'with room left', over: {}, count: 3, told: undefined },
  { name: 'of leases that have ended', over: { validUntil: start }, count: 4, told: undefined },
  { name: 'of one card', over: {}, count: 4, told: 'leases of 02:00:00:00:00:0a, which has taken hundreds' },
  { name: 'of copied hosts', over: { clone: macB, mac: undefined }, count: 2, told: 'no room for more copied hosts' },
])('a table $name', ({ over, count, told }) => {
  expect(full(over, count)).toEqual(told === undefined ? [] : [expect.stringContaining(told)])
})
