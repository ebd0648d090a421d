/**
 * Programs for a namespace, told by lines on their standard input what to do: a converger over the real kernel, and one that only
 * looks at it.
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../appliance/base/clock.ts'
import { parseIp6 } from '../../appliance/base/ip6.ts'
import { silentLog } from '../../appliance/base/log.ts'
import { directHook, Programs } from '../../appliance/fastpath/attach.ts'
import { readSites, type SiteTraffic } from '../../appliance/fastpath/sites.ts'
import { Converger } from '../../appliance/netlink/converge.ts'
import type { Intent } from '../../appliance/netlink/intent.ts'
import { FileJournal } from '../../appliance/netlink/journal.ts'
import type { Kernel, ProgramSource } from '../../appliance/netlink/kernel.ts'
import { formatOwn } from '../../appliance/netlink/reconcile-text.ts'
import { openKernel } from '../../appliance/netlink/rtnetlink.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { type Features, siteA, stateNamed, testPrograms } from '../unit/netlink/scenario-table.ts'

/** The answer carries the id of its question. */
export interface Question {
  readonly id: number
  readonly name?: string // of a state
  readonly detach?: { readonly link: string; readonly point: string }
}

/** What is ours, and every sysctl that the reconciler knows. */
export interface Sight {
  readonly id: number
  readonly own: string[]
  readonly sysctls: [string, string][]
}

export interface Counted {
  readonly id: number
  readonly sites: readonly Pick<SiteTraffic, 'inPackets' | 'outPackets'>[]
}

export interface Outcome {
  readonly id: number
  readonly reasons: readonly string[]
  readonly dumps: number // so far
}

const say = (value: object) => console.log(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v)))

/** Calls `answer` for each line until the returned function is called. */
function listen(answer: (question: Question) => Promise<object>): () => void {
  const input = createInterface({ input: process.stdin })
  input.on('line', async line => {
    const question = JSON.parse(line) as Question
    say({ id: question.id, ...(await answer(question)) })
  })
  say({ ready: true })
  return () => {
    input.close()
    process.stdin.destroy()
  }
}

/** Says what is in the kernel whenever asked, and takes programs off its links. */
export async function look(): Promise<void> {
  const kernel = await openKernel(silentLog, { find: () => undefined, direct: directHook() })
  listen(async ({ detach }) => {
    const state = await kernel.state()
    const link = state.links.find(({ name }) => name === detach?.link)
    for (const program of state.programs)
      if (program.link === link?.index && program.point === detach?.point)
        await kernel.apply({ op: 'detach-program', program })
    return { own: formatOwn(state), sysctls: [...state.sysctls] }
  })
}

/** Keeps the kernel as the named state; the journal is in this folder. SIGTERM stops for good. */
export async function converge(folder: string, { forceForwarding, direct }: Features): Promise<void> {
  using programs = new Programs()
  const ids = loadAll(programs)
  const source: ProgramSource = { find: id => programs.find(id), direct: direct ? directHook() : undefined }
  using newest = await openKernel(silentLog, source)
  const kernel = forceForwarding ? newest : older(newest)
  const journal = await FileJournal.open(folder, silentLog)
  const converger = new Converger({ kernel, journal, log: silentLog, clock: systemClock })
  let dumps = 0
  converger.onState(() => dumps++)
  const abort = new AbortController()
  process.once('SIGTERM', async () => {
    await converger.withdraw()
    abort.abort()
  })
  let stopListening = () => {}
  await converger.run(abort.signal, () => {
    stopListening = listen(async ({ name }) => {
      if (name !== undefined) {
        const { intent } = stateNamed(name)
        const load = (each: Intent): Intent => ({
          ...each,
          programs: each.programs.map(program => ({ ...program, id: ids.get(program.id)! })),
        })
        await converger.setIntent({ ...load(intent), beside: (intent.beside ?? []).map(load) })
      }
      return { reasons: converger.status().reasons, dumps }
    })
  })
  stopListening()
}

/** Counts on the overlay's link with a program that stands twice at each point, as while it moves, where this kernel has two ways. */
export async function countTwice(): Promise<void> {
  const programs = new Programs()
  const direct = directHook()
  const kernel = await openKernel(silentLog, { find: id => programs.find(id), direct })
  const link = (await kernel.state()).links.find(({ name }) => name === 'zt0')!.index
  for (const point of ['ingress', 'egress'] as const) {
    const { id } = programs.load({ kind: 'overlay', site: siteA, features: ['count'], subnets: [] }, point)
    for (const way of direct ? (['clsact', 'direct'] as const) : (['clsact'] as const))
      await kernel.apply({ op: 'attach-program', program: { link, point, way, slot: 0, id } })
  }
  listen(async () => ({ sites: programs.withSites(tables => readSites(tables, process.hrtime.bigint())) }))
}

/** The programs by the numbers that the table of states has for them. */
function loadAll(programs: Programs): ReadonlyMap<number, number> {
  const plan = lanPlan(siteA.sitePrefix, undefined)
  const lan = {
    kind: 'lan',
    site: siteA,
    plan,
    mac: siteA.mac,
    linkLocal: parseIp6('fe80::1'),
    overlay: undefined,
    subnets: [],
  } as const
  const overlay = { kind: 'overlay', site: siteA, features: ['rewrite', 'guard'], subnets: [] } as const
  return new Map([
    [testPrograms.overlayIngress, programs.load(overlay, 'ingress').id],
    [testPrograms.overlayEgress, programs.load(overlay, 'egress').id],
    [testPrograms.lanIngress, programs.load({ ...lan, features: ['proxy'] }, 'ingress').id],
    [testPrograms.besideLanIngress, programs.load({ ...lan, features: ['proxy', 'guard'] }, 'ingress').id],
  ])
}

/** What a kernel before 6.17 shows, and what it is never told. */
function older(kernel: Kernel): Kernel {
  return {
    apply: step => kernel.apply(step),
    watch: listener => kernel.watch(listener),
    async state() {
      const state = await kernel.state()
      return { ...state, sysctls: new Map([...state.sysctls].filter(([path]) => !path.endsWith('/force_forwarding'))) }
    },
  }
}
