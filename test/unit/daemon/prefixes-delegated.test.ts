import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../../appliance/base/log.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { Prefixes } from '../../../appliance/daemon/prefixes.ts'
import { scopeOf } from '../../../appliance/daemon/scope.ts'
import { isLive } from '../../../appliance/dhcp/binding.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { message, pd, Scene } from '../dhcp/scene.ts'

const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const plan = lanPlan(site.sitePrefix, undefined)
const delegate = 'delegate: {delegatedLen: 86, shortestLen: 86}' // 16 places in all, so that everybody is in everybody's way
const config = parseConfig('f.yaml', `overlay: {network: "8056c2e21c000001"}\nlan: [{interface: eth1, ${delegate}}]`)
const surroundings = { config, site, overlay: 'zt0', isFirst: true }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const act = fc.oneof(
  fc.record({ allocate: fc.integer({ min: 0, max: 5 }), length: fc.integer({ min: 83, max: 88 }) }),
  fc.record({ release: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ asks: fc.integer({ min: 0, max: 9 }), message: fc.constantFrom('request', 'renew', 'rebind' as const) }),
  fc.record({ hours: fc.integer({ min: 1, max: 30 }) }),
)

test('whatever comes after what, no prefix with a name shares an address with one that a client has', () => {
  let both = 0
  fc.assert(
    fc.property(fc.array(act, { minLength: 10, maxLength: 25 }), acts => {
      const file = join(folder, 'prefixes.json')
      rmSync(file, { force: true })
      const scene = new Scene()
      const prefixes = new Prefixes({ file, bindings: scene.table, now: () => scene.now, log: silentLog })
      for (const each of acts) {
        if ('allocate' in each)
          prefixes.allocate({ name: `n${each.allocate}`, interface: 'tap0', length: each.length }, surroundings)
        else if ('release' in each) prefixes.release(`n${each.release}`)
        else if ('hours' in each) scene.now += each.hours * 3_600_000
        scene.scope = { ...scopeOf(config.lan[0]!, [plan], prefixes.ranges)!, rapidCommit: true }
        if ('asks' in each) scene.decide(message(each.message, [pd()], parseDuid(`00:04:00:0${each.asks}`)))

        const live = scene.table.delegations().filter(binding => isLive(binding, scene.now))
        if (live.length > 0 && prefixes.ranges.length > 0) both++
        const ends = [...live.map(({ host, delegated }) => ({ host, length: delegated!.length })), ...prefixes.ranges]
          .map(({ host, length }) => [host, host + 2 ** (128 - length)] as const)
          .sort(([a], [b]) => a - b)
        for (const [i, [first]] of ends.entries()) expect(first).toBeGreaterThanOrEqual(ends[i - 1]?.[1] ?? 0)
      }
    }),
    { numRuns: 40 },
  )
  expect(both).toBeGreaterThan(50) // the two did meet
})
