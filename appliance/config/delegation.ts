/** What the file may say about delegated prefixes. The words are those of Kea's pd-pools. */
import * as z from 'zod'
import { contains, formatPrefix, type Prefix, parseIp6, prefixOf } from '../base/ip6.ts'
import { delegationBlock } from '../plane/plan.ts'
import { parsed } from './text.ts'

const block = delegationBlock({ address: parseIp6('::'), length: 80 })
const usualLength = 96
const usualShortest = 88
const lengthOf = (shortest: number) => z.int().min(shortest).max(128)

/** A pool within a site's prefix; the site's own bits are still 0. */
export interface DelegationConfig {
  readonly prefix: Prefix
  readonly delegatedLength: number
  readonly shortestLength: number
}

const part = z.strictObject({
  prefix: parsed(parseIp6)
    .prefault('::c000:0:0')
    .describe(`first address of the pool without the site's bits, in ${formatPrefix(block)}`),
  prefixLen: lengthOf(block.length).default(block.length).describe('length of the pool'),
  delegatedLen: lengthOf(block.length)
    .optional()
    .describe('length of a prefix where the client hints at none, default 96'),
  shortestLen: lengthOf(block.length).optional().describe('of a prefix where the client hints at it, default 88'),
})

export const delegation = part
  .transform(({ prefix, prefixLen, delegatedLen, shortestLen }) => {
    const delegatedLength = delegatedLen ?? Math.max(usualLength, prefixLen)
    const shortestLength = shortestLen ?? Math.min(Math.max(usualShortest, prefixLen), delegatedLength)
    return { prefix, prefixLen, delegatedLength, shortestLength }
  })
  .superRefine(({ prefix, prefixLen, delegatedLength, shortestLength }, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const pool = prefixOf(prefix, prefixLen)
    if (pool.address !== prefix) problem('prefix', `has bits set after its first ${prefixLen} (prefixLen)`)
    else if (!contains(block, pool))
      problem('prefix', `must lie in ${formatPrefix(block)}, where prefixes are delegated from`)
    if (shortestLength < prefixLen)
      problem('shortestLen', `must be at least ${prefixLen}, which is the pool's (prefixLen)`)
    if (delegatedLength < shortestLength) problem('delegatedLen', `must be at least ${shortestLength} (shortestLen)`)
  })
  .transform(
    ({ prefix, prefixLen, ...lengths }): DelegationConfig => ({
      prefix: { address: prefix, length: prefixLen },
      ...lengths,
    }),
  )
