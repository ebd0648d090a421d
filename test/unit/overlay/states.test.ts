import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { judge } from '../../../appliance/overlay/judge.ts'
import { visit } from '../../../appliance/overlay/local-api.ts'
import { ZerotierOverlay } from '../../../appliance/overlay/zerotier.ts'
import { allWell, carrying, type Facts, type Key, values, wordFor } from './facts.ts'
import { network, World } from './world.ts'

/** One thing becomes something else: as it should be half of the time, or nothing but the nearest cause would ever be seen. */
type Step = { [K in Key]: readonly [K, Facts[K]] }[Key]
const step = fc.oneof(
  ...Object.entries(values).map(([key, all]) =>
    fc.tuple(fc.constant(key), fc.oneof(fc.constant(all[0]), fc.constantFrom(...all))),
  ),
) as fc.Arbitrary<Step>

/** The overlay of a world; `settled` resolves when it has seen what the world is now. */
async function watching(world: World) {
  const overlay = new ZerotierOverlay({
    home: world.home,
    network,
    clock: systemClock,
    log: silentLog,
    pace: { waiting: 60_000, settled: 60_000 },
  })
  const abort = new AbortController()
  let visited = Promise.withResolvers<void>()
  const next = () => {
    visited = Promise.withResolvers()
    return visited.promise
  }
  const first = next()
  const ended = overlay.run(abort.signal, () => visited.resolve())
  overlay.update(world.links)
  await first
  return {
    overlay,
    async settled() {
      const seen = next()
      overlay.update(world.links)
      overlay.refresh()
      await seen
    },
    async [Symbol.asyncDispose]() {
      abort.abort()
      await ended
    },
  }
}

test('whatever happens in whatever order, the state is the word for what there is, and in the end ok again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 24 }), async steps => {
      await using world = await World.create()
      await using watch = await watching(world)
      let known: string | undefined = allWell.node // as whom the service was last heard
      for (const [key, value] of steps) {
        await world.become({ ...world.facts, [key]: value })
        await watch.settled()
        const report = watch.overlay.report()
        const { facts } = world
        const word = wordFor(facts)
        if (facts.service === 'runs') known = facts.node
        const linked = (carrying(facts.link) || facts.link === 'has a new name') && known === facts.node
        expect(report).toMatchObject({
          state: word,
          carries: word === 'ok' || (facts.service !== 'runs' && linked),
        })
        expect(report.reason === undefined).toBe(word === 'ok')
      }
      await world.become(allWell)
      await watch.settled()
      expect(watch.overlay.report()).toMatchObject({ state: 'ok', carries: true, notices: [] })
    }),
    { numRuns: 6 },
  )
})

test('the table of states and sentences', async () => {
  await using world = await World.create()
  const deviations = Object.entries(values).flatMap(([key, all]) => all.map(value => ({ ...allWell, [key]: value })))
  const table: string[] = []
  for (const facts of deviations) {
    await world.become(facts)
    const { state, reason, notices } = judge(network, await visit(world.home, network), world.links)
    const [sentence = 'nothing to do'] = [reason ?? notices[0]].filter(each => each !== undefined)
    table.push(
      `${state}: ${sentence}`.replaceAll(world.home, '/var/lib/zerotier-one').replace(/(?<=127.0.0.1:)\d+/, '9993'),
    )
  }
  const text = [...new Set(table)].join('\n')
  await expect(`${text}\n`).toMatchFileSnapshot('../../golden/overlay-states.txt')
})
