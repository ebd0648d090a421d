/** A router in memory, and what brings it in step. */
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { desired } from '../../../appliance/netlink/desired.ts'
import type { Intent } from '../../../appliance/netlink/intent.ts'
import { type Changes, decodeJournal, encodeJournal } from '../../../appliance/netlink/journal.ts'
import { MemoryKernel } from '../../../appliance/netlink/memory.ts'
import { reconcile } from '../../../appliance/netlink/reconcile.ts'
import { links } from './scenario-table.ts'

export const internet = parseIp6('fe80::1')

/** A router VM with everything plugged in and an internet default by advertisement. */
export function machine(options: { force?: boolean; keepsProtocol?: boolean; direct?: boolean } = {}): MemoryKernel {
  const kernel = new MemoryKernel(options)
  for (const link of links) kernel.addLink(link)
  kernel.learnDefault('wan0', internet)
  return kernel
}

/** Dumps and steps until nothing is left to do, as the converger does; `crash` ends it before that many steps. */
export async function converge(
  kernel: MemoryKernel,
  intent: Intent,
  before: Changes,
  crash = Infinity,
): Promise<Changes> {
  let changes = before
  let left = crash
  for (let round = 0; round < 6; round++) {
    const state = await kernel.state()
    const plan = reconcile(desired(intent, state, changes), state, changes)
    changes = decodeJournal(encodeJournal(plan.changes, '')).changes // as a crash finds it on disk
    const steps = plan.steps.length > 0 ? plan.steps : plan.moves
    if (steps.length === 0) return changes
    for (const step of steps) {
      if (left-- <= 0) return changes
      await kernel.apply(step)
    }
  }
  throw new Error('does not converge')
}
