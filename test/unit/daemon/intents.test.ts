import { expect, test } from 'vitest'
import { Intents } from '../../../appliance/daemon/intents.ts'
import { type Intent, noIntent } from '../../../appliance/netlink/intent.ts'
import { intent } from '../netlink/scenario-table.ts'

const [first, second] = [intent({ overlay: 'zt0' }), intent({ overlay: 'zt1' })]

function bench(count: number) {
  const told: Intent[] = []
  const intents = new Intents({ setIntent: async each => void told.push(each) }, count)
  return { told, intents }
}

test('of one network it is what its router says, and nothing before', async () => {
  const { told, intents } = bench(1)
  await intents.set(0, undefined)
  await intents.set(0, first)
  await intents.set(0, undefined) // who we were stays what we are
  expect(told).toEqual([first])
})

test('of two nothing is changed until both have said something, and then as one', async () => {
  const { told, intents } = bench(2)
  let done = false
  const waiting = intents.set(1, second).then(() => {
    done = true
  })
  await intents.set(1, undefined)
  expect([told, done]).toEqual([[], false])
  await intents.set(0, undefined)
  await waiting
  expect(told).toEqual([{ ...second, slot: 1 }])
  await intents.set(0, first)
  await intents.set(1, noIntent)
  expect(told.slice(1)).toEqual([
    { ...second, slot: 1, beside: [first] },
    { ...noIntent, slot: 1, beside: [first] },
  ])
})

test('of two of which none is known nothing is changed', async () => {
  const { told, intents } = bench(2)
  await Promise.all([intents.set(0, undefined), intents.set(1, undefined)])
  expect(told).toEqual([])
})
