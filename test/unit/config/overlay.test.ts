import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../appliance/config/load.ts'
import { configsByOverlay } from '../../../appliance/config/schema.ts'
import { formatNetworkId } from '../../../appliance/plane/sixplane.ts'
import { problems } from './problems.ts'

const two = 'overlays: [{name: office, network: 8056c2e21c000001}, {name: plant, network: 610252ad3bc0ffee}]\n'

test('each LAN is in the overlays that it names, and what is behind a relay in that of its router', () => {
  const config = parseConfig(
    'f.yaml',
    `${two}lan:
  - {interface: eth1, overlays: [office]}
  - {interface: eth2, subnet: 0, overlays: [610252ad3bc0ffee]}
  - {interface: eth2, subnet: 1, relay: {address: "::2"}}
  - {interface: eth3, subnet: 2, overlays: [plant, office]}
  - {interface: eth3, subnet: 3, relay: {address: "::2"}}
`,
  )
  const shown = configsByOverlay(config).map(({ overlay, lan }) => [
    overlay.name,
    formatNetworkId(overlay.network),
    ...lan.map(({ interface: link, subnet }) => `${link} ${subnet}`),
  ])
  expect(shown).toEqual([
    ['office', '8056c2e21c000001', 'eth1 undefined', 'eth3 2', 'eth3 3'],
    ['plant', '610252ad3bc0ffee', 'eth2 0', 'eth2 1', 'eth3 2', 'eth3 3'],
  ])
  // The first one that a LAN names is its first.
  expect(config.lan.map(({ networks }) => formatNetworkId(networks[0]!)).slice(3)).toEqual(
    Array(2).fill('610252ad3bc0ffee'),
  )
})

test('one overlay is the short form', () => {
  const listed = parseConfig('f.yaml', 'overlays: [{network: 8056c2e21c000001}]\nlan: [{interface: eth1}]')
  expect(listed).toEqual(parseConfig('f.yaml', 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}]'))
})

describe('what can not be', () => {
  test.for([
    { name: 'no overlay at all', text: 'lan: [{interface: eth1}]', line: 'f.yaml:1:1: overlay: is missing' },
    {
      name: 'both forms',
      text: `overlay: {network: 8056c2e21c000002}\n${two}lan: []`,
      line: 'f.yaml:2:11: overlays: stands in place of overlay: write all of them here, or the one there',
    },
    {
      name: 'a network twice',
      text: 'overlays: [{network: 8056c2e21c000001}, {network: 8056c2e21c000001}]\nlan: []',
      line: 'f.yaml:1:51: overlays[1].network: is that of overlays[0] already',
    },
    {
      name: 'a LAN that names none of several',
      text: `${two}lan: [{interface: eth1}]`,
      line: 'f.yaml:2:7: lan[0]: needs overlays: in which of office, plant it is, one or more',
    },
    {
      name: 'a LAN in several',
      text: `${two}lan: [{interface: eth1, overlays: [office, 8056c2e21c000001]}]`,
      line: 'f.yaml:2:44: lan[0].overlays[1]: is that of overlays[0] already',
    },
    {
      name: 'a LAN in one that is not there',
      text: `${two}lan: [{interface: eth1, overlays: [ofice]}]`,
      line: 'f.yaml:2:36: lan[0].overlays[0]: names no overlay: there is office, plant',
    },
    {
      name: 'translated hosts in another than the first',
      text: `${two}lan: [{interface: eth1, overlays: [plant], slaac: true}]`,
      line: 'f.yaml:2:51: lan[0].slaac: works in the first of the overlays alone, which is office',
    },
    {
      name: 'a LAN behind a relay that names one',
      text: `${two}lan: [{interface: eth1, overlays: [office]}, {interface: eth1, subnet: 1, relay: {address: "::2"}, overlays: [plant]}]`,
      line: 'f.yaml:2:110: lan[1].overlays: has no meaning here: it is in those of the LAN on eth1',
    },
    {
      name: 'a LAN on the interface of a static one',
      text: 'overlays: [{kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: zt0}]\nlan: [{interface: zt0}]',
      line: 'f.yaml:2:19: lan[0].interface: zt0 is the interface of the overlay already',
    },
  ])('$name', ({ text, line }) => {
    expect(problems(text)).toEqual([line])
  })
})
