import { expect, test } from 'vitest'
import { formatPrefix } from '../../../appliance/base/ip6.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { lan, problems } from './problems.ts'

test.for([
  { given: '{}', pool: '::c000:0:0/82', delegatedLength: 96, shortestLength: 88 },
  { given: '{delegatedLen: 112}', pool: '::c000:0:0/82', delegatedLength: 112, shortestLength: 88 },
  { given: '{delegatedLen: 84}', pool: '::c000:0:0/82', delegatedLength: 84, shortestLength: 84 },
  { given: '{shortestLen: 90}', pool: '::c000:0:0/82', delegatedLength: 96, shortestLength: 90 },
  { given: '{prefix: "::d000:0:0", prefixLen: 92}', pool: '::d000:0:0/92', delegatedLength: 96, shortestLength: 92 },
  {
    given: '{prefix: "::d000:0:0", prefixLen: 100}',
    pool: '::d000:0:0/100',
    delegatedLength: 100,
    shortestLength: 100,
  },
])('delegate: $given is $pool', ({ given, pool, ...lengths }) => {
  const { delegate } = parseConfig('f.yaml', lan(`    delegate: ${given}\n`)).lan[0]!
  expect(formatPrefix(delegate!.prefix)).toBe(pool)
  expect(delegate).toMatchObject(lengths)
})

test('without the key there is no delegation', () => {
  expect(parseConfig('f.yaml', lan('')).lan[0]!.delegate).toBeUndefined()
})

test.for([
  [' delegate:', 'lan[0].delegate: says nothing: write "delegate: {}" for the usual prefixes'],
  [
    ' delegate: {prefix: "::8000:0:0"}',
    'lan[0].delegate.prefix: must lie in ::c000:0:0/82, where prefixes are delegated from',
  ],
  [
    ' delegate: {prefix: "fc9c:56c2:e389:e92c:eee5:c000::"}',
    'lan[0].delegate.prefix: must lie in ::c000:0:0/82, where prefixes are delegated from',
  ],
  [' delegate: {prefix: "::c100:0:0"}', 'lan[0].delegate.prefix: has bits set after its first 82 (prefixLen)'],
  [' delegate: {prefixLen: 80}', 'lan[0].delegate.prefixLen: must be at least 82'],
  [' delegate: {shortestLen: 98}', 'lan[0].delegate.delegatedLen: must be at least 98 (shortestLen)'],
  [
    ' delegate: {prefixLen: 90, shortestLen: 88}',
    "lan[0].delegate.shortestLen: must be at least 90, which is the pool's (prefixLen)",
  ],
  [' delegate: {length: 96}', 'lan[0].delegate.length: unknown key'],
])('%s is refused with its place', ([given, problem]) => {
  const all = problems(lan(`   ${given}\n`))
  expect(all.length).toBe(1)
  expect(all[0]).toMatch(/^f\.yaml:4:\d+: /)
  expect(all[0]!.replace(/^f\.yaml:4:\d+: /, '')).toBe(problem)
})
