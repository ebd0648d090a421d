import { expect, test } from 'vitest'
import { Hopeless, stays, until } from '../../lab/until.ts'

test('looks until there is something, and returns it', async () => {
  let looks = 0
  expect(await until(() => (++looks < 3 ? undefined : 'here'), 'it')).toBe('here')
  expect(looks).toBe(3)
})

test('says what it waited for in vain, with the last error as the cause', async () => {
  const cause = new Error('not yet')
  const waiting = until(() => Promise.reject(cause), 'the end', 40)
  await expect(waiting).rejects.toMatchObject({ message: 'waited 0.04 s in vain for the end', cause })
})

test('gives up at once where it is hopeless', async () => {
  let looks = 0
  const condition = () => {
    looks++
    throw new Hopeless('gone')
  }
  await expect(until(condition, 'the dead', 60_000)).rejects.toThrow('gone')
  expect(looks).toBe(1)
})

test('something that does not stay is named', async () => {
  await stays(() => true, 'the truth', 30)
  await expect(stays(() => false, 'the lie', 30)).rejects.toThrow('the lie did not stay so for 0.03 s')
})
