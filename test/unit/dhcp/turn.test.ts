import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressIn } from '../../../appliance/base/ip6.ts'
import type { Binding } from '../../../appliance/dhcp/binding.ts'
import { LeaseDatabase } from '../../../appliance/dhcp/database.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { host, ia, iasOf, macA, macB, message, onlyAddress, Scene, site, them } from './scene.ts'
import { keyText } from './stored.ts'

describe('a table that is nearly full', () => {
  const room = (live: number, expired: number) => {
    const scene = new Scene({}, new Table(4))
    for (let i = 0; i < expired; i++) scene.lease(100 + i, them)
    scene.now += 2 * 86_400_000
    for (let i = 0; i < live; i++) scene.lease(200 + i, them)
    return scene
  }

  test.for([
    { live: 3, expired: 0, fits: 1 },
    { live: 2, expired: 2, fits: 2 },
    { live: 1, expired: 1, fits: 3 },
    { live: 4, expired: 0, fits: 0 },
  ])(
    'J04 of a message with eight IAs, $fits fit beside $live live and $expired ended ones',
    ({ live, expired, fits }) => {
      for (const type of ['solicit', 'request', 'renew'] as const) {
        const scene = room(live, expired)
        const reply = scene.ask(
          type,
          Array.from({ length: 8 }, (_, i) => ia([], i)),
        )
        if (type !== 'solicit') {
          expect(iasOf(reply).filter(({ addresses }) => addresses.length > 0).length).toBe(fits)
          expect([...scene.table.bindings].filter(({ duid }) => duid === host).length).toBe(fits)
        }
        expect(scene.table.size).toBeLessThanOrEqual(4)
        expect([...scene.table.bindings].filter(({ iaid }) => iaid >= 200).length).toBe(live)
      }
    },
  )
})

describe('copied hosts', () => {
  test('the same key from another MAC: a question to the LAN first', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.now += 10_000
    scene.mac = macB
    for (const type of ['solicit', 'request', 'renew', 'rebind', 'release', 'decline'] as const)
      expect(scene.decide(message(type, [ia([address])]))).toEqual({ kind: 'probe', probe: { address, mac: macA } })
  })

  test('the first one answers: the copy gets an address of its own, and keeps it', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.mac = macB
    scene.answers = true
    const copy = onlyAddress(scene.ask('request', [ia([address])]))
    expect(copy).not.toBe(address)
    scene.answers = undefined // known now: no more questions
    expect(onlyAddress(scene.ask('renew', [ia([copy])]))).toBe(copy)
    scene.mac = macA
    expect(onlyAddress(scene.ask('renew', [ia([address])]))).toBe(address)
    expect([...scene.table.bindings].map(({ clone, mac }) => [clone, mac])).toEqual([
      [undefined, macA],
      [macB, macB],
    ])
  })

  test('a copy that renews the address of the first loses it and gets another at once', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.mac = macB
    scene.answers = true
    const reply = scene.ask('renew', [ia([address])])
    expect(iasOf(reply)[0]!.addresses).toEqual([
      [onlyAddress(reply), 3600, 86_400],
      [address, 0, 0],
    ])
  })

  test('the first one is silent: the host has a new card and keeps its address', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.now += 10_000
    scene.mac = macB
    scene.answers = false
    expect(onlyAddress(scene.ask('request', [ia([address])]))).toBe(address)
    expect([...scene.table.bindings].map(({ mac }) => mac)).toEqual([macB])
  })

  test('both start at once: the first is still probing for duplicates and answers nobody, so that none is asked', () => {
    const scene = new Scene()
    const offered = onlyAddress(scene.ask('solicit', [ia()]))
    scene.mac = macB
    expect(onlyAddress(scene.ask('solicit', [ia()]))).toBe(offered) // nothing is promised yet
    scene.mac = macA
    scene.ask('request', [ia([offered])])
    scene.now += 900
    scene.mac = macB
    scene.answers = false
    const copy = scene.ask('request', [ia([offered])])
    expect(onlyAddress(copy)).not.toBe(offered)
    expect(scene.table.size).toBe(2)
  })

  test('a MAC that is not known is no reason to ask', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.mac = undefined
    expect(onlyAddress(scene.ask('renew', [ia([address])]))).toBe(address)
    expect([...scene.table.bindings].map(({ mac }) => mac)).toEqual([macA])
  })
})

test('J04 whatever hosts ask for: nobody has what another has, the table keeps its bounds, and the file says the same', () => {
  const type = fc.constantFrom(
    'request' as const,
    'renew' as const,
    'rebind' as const,
    'release' as const,
    'decline' as const,
  )
  const asked = fc.record({ iaid: fc.nat(3), hints: fc.array(fc.nat(3), { maxLength: 2 }) })
  const step = fc.record({
    type,
    duid: fc.constantFrom(host, them),
    mac: fc.constantFrom(macA, macB, undefined),
    answers: fc.boolean(),
    ias: fc.array(asked, { minLength: 1, maxLength: 4 }),
    later: fc.constantFrom(0, 10_000, 90_000_000),
  })
  const folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  let run = 0
  try {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        using file = new LeaseDatabase(join(folder, `${run++}.sqlite`))
        const scene = new Scene({}, new Table(4))
        for (const { type, duid, mac, answers, ias, later } of steps) {
          scene.now += later
          Object.assign(scene, { mac, answers })
          const options = ias.map(({ iaid, hints }) =>
            ia(
              hints.map(hint => addressIn(site, BigInt(0x20000 + hint))),
              iaid,
            ),
          )
          scene.decide(message(type, options, duid))
          const touched = [...scene.table.takeTouched()]
          file.write(touched.map(slot => ({ slot, binding: scene.table.at(slot) })))
          const bindings = [...scene.table.bindings]
          expect(bindings.length).toBeLessThanOrEqual(4)
          expect(new Set(bindings.map(each => each.host)).size).toBe(bindings.length)
          const text = (all: readonly Binding[]) =>
            all.map(each => `${keyText(each)} ${each.host} ${each.validUntil}`).sort()
          expect(text([...file.leases()].map(({ binding }) => binding))).toEqual(text(bindings))
        }
      }),
      { numRuns: 60 },
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
