import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { Told } from '../../../appliance/daemon/told.ts'
import { siteA, siteB, siteC } from '../netlink/scenario-table.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-told-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const [office, plant] = [siteA.network, siteC.network]
let now = 1_800_000_000_000
const start = () => new Told(join(folder, 'told.json'), { ...systemClock, now: () => now }, silentLog)

test('what hosts were told of a network that the LAN is in no longer is gone, for ninety minutes and through starts', () => {
  start().tell('eth1', [office, plant], [siteA, siteC])
  expect(start().gone('eth1', [office, plant])).toEqual([])
  expect(start().gone('eth2', [office])).toEqual([])
  const second = start()
  expect(second.gone('eth1', [office])).toEqual([siteC])
  second.tell('eth1', [office], [siteA])
  now += 5_399_000
  expect(start().gone('eth1', [office])).toEqual([siteC])
  now += 1_000
  expect(start().gone('eth1', [office])).toEqual([])
})

test('a network that is away, or comes again, is not gone', () => {
  const told = start()
  told.tell('eth1', [office, plant], [siteA, siteC])
  told.tell('eth1', [office, plant], [siteA])
  expect(told.gone('eth1', [office, plant])).toEqual([])
  told.tell('eth1', [office], [siteA])
  told.tell('eth1', [office, plant], [siteA, siteC])
  expect(told.gone('eth1', [office, plant])).toEqual([])
  now += 6_000_000
  expect(start().gone('eth1', [office])).toEqual([siteC])
})

test('another site of the same network is for the network itself to tell', () => {
  const told = start()
  told.tell('eth1', [office], [siteA])
  told.tell('eth1', [office], [siteB])
  expect(told.gone('eth1', [office])).toEqual([])
})
