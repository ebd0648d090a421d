import { expect, test } from 'vitest'
import { formatIp4 } from '../../../appliance/base/ip4.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { lan, problems } from './problems.ts'

const own = (keys: string) => lan(`    ipv4: {address: 192.168.8.1/24, ${keys}}\n`)

test('the least: all of the network, times by RFC 2131', () => {
  const { ipv4 } = parseConfig('f.yaml', own('')).lan[0]!
  expect([ipv4!.pool.first, ipv4!.pool.last].map(formatIp4)).toEqual(['192.168.8.1', '192.168.8.254'])
  expect(ipv4!.lifetimes).toEqual({ valid: 86_400, t1: 43_200, t2: 75_600 })
  expect(parseConfig('f.yaml', lan('')).lan[0]!.ipv4).toBeUndefined()
})

test.for([
  ['pool: 192.168.8.128/25', '192.168.8.128-192.168.8.255'],
  ['pool: 192.168.8.9 - 192.168.8.10', '192.168.8.9-192.168.8.10'],
])('%s', ([keys, expected]) => {
  const { pool } = parseConfig('f.yaml', own(keys!)).lan[0]!.ipv4!
  expect(`${formatIp4(pool.first)}-${formatIp4(pool.last)}`).toBe(expected)
})

test.for([
  ['pool: 192.168.9.1-192.168.9.5', 'pool: is not inside the network of 192.168.8.1/24'],
  ['pool: 192.168.8.9-192.168.8.5', 'pool: 192.168.8.9-192.168.8.5 is not a range of addresses'],
  ['pool: 192.168.8.01', 'pool: 192.168.8.01 is not an address with a prefix length, such as 192.168.8.1/24'],
  ['lifetimes: {valid: 60, t1: 70}', 'lifetimes.t1: must not be longer than valid (60)'],
  ['v6OnlyPreferred: 10', 'v6OnlyPreferred: '],
  ['routers: [fe80::1]', 'routers[0]: fe80::1 is not an IPv4 address'],
  [
    'reservations: [{ipAddress: 192.168.8.5}]',
    'reservations[0].hwAddress: is missing: a reservation needs a clientId, a hwAddress or a hostname',
  ],
  ['reservations: [{hostname: a, ipAddress: 192.168.8.1}]', "reservations[0].ipAddress: is the router's own address"],
  ['reservations: [{hostname: a, ipAddress: 10.0.0.1}]', 'reservations[0].ipAddress: is not inside the network'],
  [
    'reservations: [{hostname: a, ipAddress: 192.168.8.5}, {hostname: b, ipAddress: 192.168.8.5}]',
    'reservations[1].ipAddress: 192.168.8.5 is reserved by reservations[0] already',
  ],
])('%s is refused', ([keys, expected]) => {
  const found = problems(own(keys!)).join('\n')
  expect(found).toContain(`lan[0].ipv4.${expected}`)
})

test('a network that is too wide needs a pool, one that is no network an address', () => {
  expect(problems(lan('    ipv4: {address: 10.0.0.1/8}\n')).join('\n')).toContain('pool: must be given')
  expect(problems(lan('    ipv4: {address: 10.0.0.0/8}\n')).join('\n')).toContain('is not the address of a host')
})

test('two LANs have two networks', () => {
  const second = '  - interface: eth2\n    subnet: 0\n    ipv4: {address: 192.168.0.1/16, pool: 192.168.9.0/24}\n'
  expect(problems(own('') + second).join('\n')).toContain('lan[1].ipv4.address: its network is that of lan[0] too')
})
