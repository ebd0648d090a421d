import { expect, test } from 'vitest'
import { findOption, type Option } from '../../../appliance/dhcp/options.ts'
import { ia, oro, Scene } from './scene.ts'

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
  { name: 'whose name is none', type: 'request', options: [ia(), fqdn('<script>'), asked] },
  { name: 'that sends an empty name', type: 'request', options: [ia(), fqdn(''), asked] },
  { name: 'that wants configuration alone', type: 'informationRequest', options: [fqdn('pc'), asked] },
])('J08 a host $name is told none', ({ type, options }) => {
  expect(told(type, ...options)).toBeUndefined()
})

test('J09 only letters, digits and hyphens become the name of a lease', () => {
  const scene = new Scene()
  scene.ask('request', [ia(), fqdn('PC-7.Lan', 0, false)])
  scene.ask('request', [ia([], 2), fqdn('pc<b>', 0, false)])
  expect([...scene.table.bindings].map(({ hostname }) => hostname)).toEqual(['pc-7.lan', undefined])
})
