import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { type Binding, type Change, isLive } from '../../../appliance/dhcp/binding.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { macB } from './scene.ts'
import { bindingOf, keyText, put, start } from './stored.ts'

const longDuid = parseDuid(`00:02:${'a5:'.repeat(40)}01`)

describe('the table', () => {
  const arbitraryChange = fc.oneof(
    fc.record({ kind: fc.constantFrom('put' as const, 'remove' as const), iaid: fc.nat(5), host: fc.nat(5) }),
  )

  test('taking changes back leaves what was there before', () => {
    fc.assert(
      fc.property(fc.array(arbitraryChange), fc.array(arbitraryChange), (first, second) => {
        const table = new Table()
        // As decisions do: whoever has the address goes before another gets it.
        const changes = (list: typeof first) =>
          list.flatMap(({ kind, iaid, host }): Change[] => {
            const binding = bindingOf({ iaid, host })
            if (kind === 'remove') return [{ kind, binding }]
            const holder = table.holder(undefined, host)
            return holder && holder.iaid !== iaid ? [] : [{ kind, binding }]
          })
        for (const change of changes(first))
          if (table.holder(undefined, change.kind === 'put' ? change.binding.host : -1) === undefined)
            table.apply([change])
        const before = [...table.bindings].map(keyText).sort()
        const hosts = () => Array.from({ length: 6 }, (_, i) => table.holder(undefined, i)?.iaid)
        const held = hosts()
        const undo = table.apply(changes(second).slice(0, 1))
        table.apply(undo)
        expect([...table.bindings].map(keyText).sort()).toEqual(before)
        expect(hosts()).toEqual(held)
      }),
    )
  })

  test('the count of live leases is what a look at each would say, whatever happens', () => {
    const lease = fc.record({
      kind: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
      iaid: fc.nat(20),
      subnet: fc.constantFrom(undefined, 3),
      state: fc.constantFrom('bound' as const, 'bound' as const, 'released' as const),
      ends: fc.nat(400_000),
      undo: fc.boolean(),
      later: fc.nat(30_000),
      moved: fc.constantFrom(0, 0, 0, 3_600_000, -3_600_000),
    })
    fc.assert(
      fc.property(fc.array(lease, { maxLength: 60 }), leases => {
        const table = new Table()
        let now = start
        for (const { kind, iaid, subnet, state, ends, undo, later, moved } of leases) {
          const binding = bindingOf({ iaid, host: iaid, subnet, state, validUntil: now + ends })
          const taken = table.apply([{ kind, binding }])
          if (undo) table.apply(taken)
          now += later + moved
          if (moved !== 0) table.shift(moved)
          for (const lan of [undefined, 3]) {
            const live = [...table.bindings].filter(each => each.subnet === lan && isLive(each, now))
            expect(table.live(lan, now)).toBe(live.length)
          }
        }
      }),
    )
  })

  test('tells the leased addresses of a range of slots: no prefixes, nothing released, nothing removed', () => {
    const table = new Table()
    const odd = { iaid: 2, host: 2, duid: longDuid }
    table.apply([put({ iaid: 1, host: 1 }), put(odd), put({ iaid: 3, host: 3, subnet: 5 })])
    const delegated = { length: 96, via: parseIp6('fe80::1') }
    table.apply([put({ iaid: 4, host: 4, iaType: 'pd', delegated }), put({ iaid: 5, host: 5, state: 'released' })])
    table.apply([put({ iaid: 6, host: 6 }), { kind: 'remove', binding: bindingOf({ iaid: 6 }) }])
    const leased = (first: number, end: number) => {
      const found: (number | undefined)[][] = []
      table.leasedHosts(first, end, (subnet, host) => found.push([subnet, host]))
      return found
    }
    expect(leased(0, table.high)).toEqual([
      [undefined, 1],
      [undefined, 2],
      [5, 3],
    ])
    expect([...leased(0, 2), ...leased(2, 100)]).toEqual(leased(0, table.high))
  })

  test('whoever releases in a full table makes room for one', () => {
    const table = new Table(2)
    table.apply([put({ iaid: 1, host: 1 }), put({ iaid: 2, host: 2 })])
    expect(table.room(start)).toEqual({ kind: 'full' })
    const released = bindingOf({ iaid: 2, host: 2, state: 'released', validUntil: start })
    table.apply([{ kind: 'put', binding: released }])
    expect(table.room(start)).toEqual({ kind: 'reclaim', binding: released })
    expect(table.room(start, 1, new Set([released]))).toEqual({ kind: 'full' })
  })

  test('in a full table one card that has more than any host needs gives up its oldest, live or not', () => {
    const table = new Table(6, 3)
    const hoarded = (iaid: number) => put({ iaid, host: iaid, mac: macB })
    table.apply([put({ iaid: 0, host: 0 }), ...[1, 2, 3].map(hoarded)])
    expect(table.room(start)).toEqual({ kind: 'room' })
    table.apply([put({ iaid: 8, host: 8, mac: undefined }), put({ iaid: 9, host: 9, mac: undefined })])
    expect(table.room(start)).toEqual({ kind: 'full' }) // three of one card are no hoard
    table.apply([{ kind: 'remove', binding: bindingOf({ iaid: 9 }) }, hoarded(4)])
    table.apply([hoarded(1)]) // renewed, so that 2 is the oldest
    const room = table.room(start)
    expect(room).toEqual({ kind: 'reclaim', binding: bindingOf({ iaid: 2, host: 2, mac: macB }) })
    if (room.kind !== 'reclaim') return
    expect(table.room(start, 1, new Set([room.binding]))).toEqual({ kind: 'full' }) // the three others are no hoard
    table.apply([{ kind: 'remove', binding: room.binding }, put({ iaid: 5, host: 5 })])
    expect(table.room(start)).toEqual({ kind: 'full' })
  })

  test('what takes most room has less of it: of copies and long DUIDs there are fewer, and others go on', () => {
    const table = new Table(100, 3, 4)
    const odd = (iaid: number, over: Partial<Binding> = {}) =>
      put({ iaid, host: iaid, duid: longDuid, mac: undefined, ...over })
    const room = (isOdd: boolean) => table.room(start, 0, new Set(), isOdd)
    table.apply([put({ iaid: 0, host: 0 }), ...[1, 2, 3].map(iaid => odd(iaid))])
    expect(room(true)).toEqual({ kind: 'room' })
    table.apply([odd(4, { mac: macB })])
    expect(room(true)).toEqual({ kind: 'full' })
    expect(room(false)).toEqual({ kind: 'room' })
    const released = bindingOf({ iaid: 2, host: 2, duid: longDuid, mac: undefined, state: 'released' })
    table.apply([{ kind: 'put', binding: released }])
    expect(room(true)).toEqual({ kind: 'reclaim', binding: released })
    table.apply([odd(2), odd(1), odd(5)]) // four that hide their MAC are a hoard, and 1 and 2 were renewed
    expect(room(true)).toMatchObject({ kind: 'reclaim', binding: { iaid: 3 } })
  })

  test('a full table gives up what ended longest ago, to the minute, and nothing that is live', () => {
    const table = new Table(3)
    const minute = 60_000
    const first = { iaid: 2, host: 2, validUntil: start + 5 * minute }
    const second = { iaid: 1, host: 1, validUntil: start + 10 * minute }
    table.apply([put(second), put(first), put({ iaid: 3, host: 3, validUntil: start + 90 * minute })])
    expect(table.room(start + 4 * minute)).toEqual({ kind: 'full' })
    expect(table.room(start + 6 * minute)).toEqual({ kind: 'reclaim', binding: bindingOf(first) })
    expect(table.room(start + 20 * minute)).toEqual({ kind: 'reclaim', binding: bindingOf(first) })
    table.apply([{ kind: 'remove', binding: bindingOf(first) }])
    expect(table.room(start + 20 * minute)).toEqual({ kind: 'room' })
    table.apply([put({ iaid: 4, host: 4, validUntil: start + 80 * minute })])
    expect(table.room(start + 20 * minute)).toEqual({ kind: 'reclaim', binding: bindingOf(second) })
    table.shift(-3600_000)
    expect(table.room(start - 60 * minute + 9 * minute)).toEqual({ kind: 'full' })
  })

  test('a host with any number of addresses and one name costs no more than one with a few', () => {
    const table = new Table()
    const named = (iaid: number, validUntil: number) => put({ iaid, host: iaid, hostname: 'pc', validUntil })
    for (let iaid = 0; iaid < 5000; iaid++) table.apply([named(iaid, start + iaid)])
    table.apply([named(1, start + 9000), named(2, start)])
    const found = table.named('pc')
    expect(found.length).toBe(64)
    expect(found.map(({ validUntil }) => validUntil - start).sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 63 }, (_, i) => 4937 + i),
      9000,
    ])
    for (let iaid = 0; iaid < 5000; iaid++) table.apply([{ kind: 'remove', binding: bindingOf({ iaid }) }])
    expect(table.named('pc')).toEqual([])
  })

  test('finds every binding by key and by address, and no other, however many come and go', () => {
    const change = fc.record({
      kind: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
      iaid: fc.nat(300),
      host: fc.nat(300),
      odd: fc.constantFrom({}, {}, {}, { clone: macB }, { hostname: undefined, mac: undefined }, { duid: longDuid }),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 600 }), changes => {
        const table = new Table()
        const expected = new Map<string, Binding>()
        for (const { kind, iaid, host: offset, odd } of changes) {
          const binding = bindingOf({ iaid, host: offset, ...odd })
          const holder = table.holder(undefined, offset)
          if (kind === 'put' && holder && keyText(holder) !== keyText(binding)) continue
          table.apply([{ kind, binding }])
          if (kind === 'put') expected.set(keyText(binding), binding)
          else expected.delete(keyText(binding))
        }
        expect(table.size).toBe(expected.size)
        const byKey = (all: Iterable<Binding>) => [...all].sort((a, b) => (keyText(a) < keyText(b) ? -1 : 1))
        expect(byKey(table.bindings)).toEqual(byKey(expected.values()))
        for (const binding of expected.values()) {
          expect(table.find(binding)).toEqual(binding)
          expect(table.holder(undefined, binding.host)).toEqual(binding)
        }
        const held = new Set([...expected.values()].map(each => each.host))
        for (let each = 0; each <= 300; each++)
          if (!held.has(each)) expect(table.holder(undefined, each)).toBeUndefined()
      }),
      { numRuns: 60 },
    )
  })
})
