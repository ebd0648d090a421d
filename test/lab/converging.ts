/**
 * A program for a namespace: one converger over the real kernel, told by lines on its standard input what to intend. Its first argument
 * is the folder of the journal. SIGTERM stops for good.
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../appliance/base/clock.ts'
import { messageOf } from '../../appliance/base/errors.ts'
import { silentLog } from '../../appliance/base/log.ts'
import { Converger } from '../../appliance/netlink/converge.ts'
import { FileJournal } from '../../appliance/netlink/journal.ts'
import { formatOwn } from '../../appliance/netlink/reconcile-text.ts'
import { openKernel } from '../../appliance/netlink/rtnetlink.ts'
import { stateNamed } from '../unit/netlink/scenario-table.ts'

/** Asked with an id; the answer carries the same. */
export type Question = { readonly id: number } & (
  | { readonly ask: 'intend'; readonly name: string }
  | { readonly ask: 'own' }
)

/** `own` and every sysctl that the reconciler knows; `dumps` so far. */
export interface Answer {
  readonly id: number
  readonly own: string[]
  readonly sysctls: [string, string][]
  readonly reasons: readonly string[]
  readonly dumps: number
}

const say = (value: unknown) => console.log(JSON.stringify(value))

export async function converge(folder: string): Promise<void> {
  using kernel = await openKernel(silentLog)
  const journal = await FileJournal.open(folder, silentLog)
  const converger = new Converger({ kernel, journal, log: silentLog, clock: systemClock })
  let dumps = 0
  converger.onState(() => dumps++)
  const abort = new AbortController()
  const ended = converger.run(abort.signal, () => say({ id: 0 }))

  process.once('SIGTERM', async () => {
    const began = performance.now()
    await converger.withdraw()
    say({ withdrawn: performance.now() - began })
    abort.abort()
  })
  const input = createInterface({ input: process.stdin })
  input.on('line', async line => {
    const question = JSON.parse(line) as Question
    try {
      if (question.ask === 'intend') await converger.setIntent(stateNamed(question.name).intent)
      const state = await kernel.state()
      const answer: Answer = {
        id: question.id,
        own: formatOwn(state),
        sysctls: [...state.sysctls],
        reasons: converger.status().reasons,
        dumps,
      }
      say(answer)
    } catch (error) {
      say({ id: question.id, own: [messageOf(error)], sysctls: [] })
    }
  })
  await ended
  input.close()
  process.stdin.destroy()
}
