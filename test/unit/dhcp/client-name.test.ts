import { expect, test } from 'vitest'
import { ldhName } from '../../../appliance/base/domain-name.ts'
import type { Duid } from '../../../appliance/dhcp/duid.ts'
import { findOption, type Option } from '../../../appliance/dhcp/options.ts'
import { host, ia, oro, Scene, them } from './scene.ts'

const asked = oro('client-fqdn')
const fqdn = (name: string, flags = 0, partial = true): Option => ({ kind: 'client-fqdn', flags, name, partial })
const told = (type: Parameters<Scene['ask']>[0], ...options: Option[]) =>
  findOption(new Scene().ask(type, options).options, 'client-fqdn')

test('J08 who names itself and asks is told its name, and that nobody updates the DNS: N, and O where S was wanted', () => {
  for (const type of ['solicit', 'request', 'renew', 'rebind'] as const)
    expect(told(type, ia(), fqdn('PC-7'), asked)).toEqual(fqdn('pc-7', 4))
  expect(told('request', ia(), fqdn('pc.site.example', 1, false), asked)).toEqual(fqdn('pc.site.example', 6, false))
  expect(told('request', ia(), fqdn('pc', 4), asked)).toEqual(fqdn('pc', 4))
})

test.for<{ name: string; type: Parameters<Scene['ask']>[0]; options: Option[] }>([
  { name: 'that does not ask', type: 'request', options: [ia(), fqdn('pc')] },
  { name: 'that does not name itself', type: 'request', options: [ia(), asked] },
  { name: 'whose name is none', type: 'request', options: [ia(), fqdn('<-?>'), asked] },
  { name: 'that sends an empty name', type: 'request', options: [ia(), fqdn(''), asked] },
  { name: 'that wants configuration alone', type: 'informationRequest', options: [fqdn('pc'), asked] },
])('J08 a host $name is told none', ({ type, options }) => {
  expect(told(type, ...options)).toBeUndefined()
})

test.for([
  ['PC-7.Lan', 'pc-7.lan'],
  ['Anna_s iPad', 'anna-s-ipad'],
  ['<script>', 'script'],
  ['pc..lan.', 'pc.lan'],
  ['-.x', 'x'],
  ['b\u00fcro', 'b-ro'],
  [`${'a'.repeat(60)}_${'b'.repeat(9)}`, `${'a'.repeat(60)}-bb`],
  ['\u0007', undefined],
  [Array(40).fill('abcdefg').join('.'), undefined],
] as const)('J09 of the name %s only letters, digits and hyphens are taken: %s', ([name, expected]) => {
  const scene = new Scene()
  const outcome = ldhName(name)
  expect(outcome).toBe(expected)
  if (name.length > 200) return // no name of a domain, and never decoded
  scene.ask('request', [ia(), fqdn(name, 0, false)])
  expect([...scene.table.bindings].map(({ hostname }) => hostname)).toEqual([expected])
})

test('J09 the first owner of a name keeps it, by its DUID, while it has a lease', () => {
  const scene = new Scene()
  const name = (duid: Duid) => [...scene.table.bindings].find(each => each.duid === duid)!.hostname
  scene.ask('request', [ia(), fqdn('pc')])
  const second = scene.ask('request', [ia(), fqdn('PC'), asked], them)
  expect([name(host), name(them)]).toEqual(['pc', undefined])
  expect(findOption(second.options, 'client-fqdn')).toBeUndefined()
  scene.ask('request', [ia([], 2), fqdn('pc')]) // its own second card
  expect([...scene.table.bindings].filter(({ hostname }) => hostname === 'pc').length).toBe(2)

  scene.now += 86_400_001 // all leases have ended
  scene.ask('renew', [ia(), fqdn('pc')], them)
  expect(name(them)).toBe('pc')
  scene.ask('renew', [ia(), fqdn('pc')]) // the first one comes back: now it is the second
  expect([...scene.table.bindings].filter(each => each.hostname === 'pc' && each.validUntil > scene.now)).toMatchObject(
    [{ duid: them }],
  )
})

test('J09 a host that no longer says its name keeps it', () => {
  const scene = new Scene()
  scene.ask('request', [ia(), fqdn('pc')])
  scene.ask('renew', [ia()])
  expect([...scene.table.bindings].map(({ hostname }) => hostname)).toEqual(['pc'])
})
