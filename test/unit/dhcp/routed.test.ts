import { expect, test } from 'vitest'
import { parsePrefix } from '../../../appliance/base/ip6.ts'
import { type Binding, isLive } from '../../../appliance/dhcp/binding.ts'
import { findOption, findOptions } from '../../../appliance/dhcp/options.ts'
import { Bench, fromA, fromB } from './lan-bench.ts'
import { ia, message, pd, scopeOf, them } from './scene.ts'

const prefix = parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/82')
const scope = scopeOf({ delegate: { prefix, delegatedLength: 96, shortestLength: 88 } })

/** A server whose routes stand when the test says so. */
class RoutedBench extends Bench {
  readonly asked: { delegations: readonly Binding[]; settle: (stand: boolean) => void }[]

  constructor() {
    const asked: RoutedBench['asked'] = []
    const routed = (delegations: readonly Binding[]) =>
      new Promise<boolean>(settle => asked.push({ delegations, settle }))
    super(undefined, undefined, { scope, routed })
    this.asked = asked
  }

  async settle(i: number, stand: boolean): Promise<void> {
    this.asked[i]!.settle(stand)
    await new Promise(resolve => setImmediate(resolve))
  }
}

test('I04 the lease is stored first, then the route stands, then the Reply leaves; others do not wait for it', async () => {
  await using bench = new RoutedBench()
  bench.receive([message('request', [ia(), pd()]), fromA], [message('request', [ia()], them), fromB])
  expect(bench.replies.map(({ to }) => to)).toEqual([fromB])
  expect(bench.store.bindings.delegations()).toMatchObject([{ delegated: { length: 96, via: fromA } }])
  expect(bench.asked.map(({ delegations }) => delegations)).toEqual([bench.store.bindings.delegations()])
  await bench.settle(0, true)
  expect(bench.replies.map(({ to }) => to)).toEqual([fromB, fromA])
  const told = findOption(bench.replies[1]!.message.options, 'ia-pd')!
  expect(findOptions(told.options, 'ia-prefix').length).toBe(1)
})

test('I04 where the route can not be had the client is told nothing, and asks again', async () => {
  await using bench = new RoutedBench()
  bench.receive([message('request', [pd()]), fromA])
  await bench.settle(0, false)
  expect(bench.replies).toEqual([])
  expect(bench.server.counters()).toMatchObject({ unrouted: 1, answered: 0 })
  expect(bench.lines.map(({ level, text }) => [level, text])).toEqual([
    ['warn', 'a delegated prefix has no route: its client is not told'],
  ])
  bench.receive([message('request', [pd()]), fromA])
  await bench.settle(1, true)
  expect(bench.replies.length).toBe(1)
})

test('I04 a Solicit promises nothing, so that it waits for nothing; a Release takes the route along', async () => {
  await using bench = new RoutedBench()
  bench.receive([message('solicit', [ia(), pd()]), fromA])
  expect(bench.asked).toEqual([])
  bench.receive([message('request', [pd()]), fromA])
  await bench.settle(0, true)
  const [held] = findOptions(bench.replies[1]!.message.options, 'ia-pd')
  bench.receive([message('release', [held!]), fromA])
  const [delegation] = bench.store.bindings.delegations()
  expect(isLive(delegation!, bench.store.now())).toBe(false)
  expect(bench.asked[1]!.delegations).toEqual([])
  await bench.settle(1, true)
  expect(bench.replies.length).toBe(3)
})
