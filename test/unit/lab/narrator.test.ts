import { expect, test } from 'vitest'
import { Narrator, table } from '../../lab/narrator.ts'

test('columns are aligned, the last one is left as it is', () => {
  expect(
    table([
      ['a1', 'on-link'],
      ['router', 'by fe80::1'],
    ]),
  ).toEqual(['a1      on-link', 'router  by fe80::1'])
  expect(table([])).toEqual([])
})

test('a step carries its seconds, and no colour where none is wanted', () => {
  let told = ''
  const narrator = new Narrator(text => {
    told += text
  }, false)
  narrator.step('It happened.')
  narrator.detail('like this')
  expect(told).toBe('   0.0 s  It happened.\n          like this\n')
})
