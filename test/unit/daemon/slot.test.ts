import { expect, test } from 'vitest'
import type { Part } from '../../../appliance/base/part.ts'
import { Slot } from '../../../appliance/daemon/slot.ts'
import { lasting } from '../base/lasting.ts'

test('the running content stops before the new one starts, and the slot goes on', async () => {
  const events: string[] = []
  const slot = new Slot(lasting('old', events))
  const abort = new AbortController()
  const ended = slot.run(abort.signal, () => {})
  slot.replace(lasting('new', events))
  await expect.poll(() => events).toEqual(['old starts', 'old stops', 'new starts'])
  abort.abort()
  await ended
  expect(events.at(-1)).toBe('new stops')
})

test('content that ends by itself ends the slot: the supervisor decides', async () => {
  const slot = new Slot<Part>({ name: 'short', run: async () => {} })
  await slot.run(new AbortController().signal, () => {})
})

test('content that fails makes the slot fail, and the next run takes what stands in it then', async () => {
  const events: string[] = []
  const slot = new Slot<Part>({
    name: 'api',
    run: async () => {
      throw new Error('address in use')
    },
  })
  await expect(slot.run(new AbortController().signal, () => {})).rejects.toThrow('address in use')
  slot.replace(lasting('api', events))
  const abort = new AbortController()
  const ended = slot.run(abort.signal, () => abort.abort())
  await ended
  expect(events).toEqual(['api starts', 'api stops'])
})
