import { expect, test } from 'vitest'
import { duration, paint, printable, table } from '../../../appliance/cli/terminal.ts'

test.for([
  [0, '0 s'],
  [-5, '0 s'],
  [59.4, '59 s'],
  [60, '1 min'],
  [3599, '59 min 59 s'],
  [3600, '1 h'],
  [86_399, '23 h 59 min'],
  [90_061, '1 d 1 h'],
] as const)('%s seconds are %s', ([seconds, text]) => {
  expect(duration(seconds)).toBe(text)
})

test('columns are as wide as they must be, and no line ends in blanks', () => {
  expect(table([['a', 'bb', ''], ['ccc', 'd'], []])).toBe('a    bb\nccc  d\n\n')
  expect(table([])).toBe('')
})

test('colour is for terminals', () => {
  expect(paint({ color: false }, 'green', 'serving')).toBe('serving')
  expect(paint({ color: true }, 'green', 'serving')).toBe('\u001b[32mserving\u001b[39m')
})

test('what a stranger sent can not steer the terminal', () => {
  expect(printable('nas\u001b[2J\u009b1m\u202e\n')).toBe('nas?[2J?1m??')
  expect(printable('Küche-日本')).toBe('Küche-日本')
})
