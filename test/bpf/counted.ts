import type { Programs } from '../../appliance/fastpath/attach.ts'
import type { Reason } from '../../appliance/fastpath/reasons.ts'
import { readReasons } from '../../appliance/fastpath/sites.ts'

/** What the programs count from now on: the result says so at each call, without what stayed at 0. */
export function countFrom(programs: Programs): () => Partial<Record<Reason, number>> {
  const before = readReasons(programs.reasons)
  return () => {
    const now = Object.entries(readReasons(programs.reasons)) as [Reason, number][]
    const grown = now.filter(([reason, value]) => value > before[reason])
    return Object.fromEntries(grown.map(([reason, value]) => [reason, value - before[reason]]))
  }
}
