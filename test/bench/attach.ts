/**
 * Puts programs on the links of the network namespace that it runs in, by their features as JSON, as the product does: by the steps
 * and moves that its reconciler finds. Prints in how many milliseconds. They stay when it ends.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseIp6 } from '../../appliance/base/ip6.ts'
import { silentLog } from '../../appliance/base/log.ts'
import { directHook, Programs } from '../../appliance/fastpath/attach.ts'
import type { Feature } from '../../appliance/fastpath/instance.ts'
import { nothing } from '../../appliance/netlink/desired.ts'
import { type Changes, noChanges } from '../../appliance/netlink/journal.ts'
import type { Point, Program } from '../../appliance/netlink/kernel.ts'
import { type Reconciliation, reconcile } from '../../appliance/netlink/reconcile.ts'
import { openKernel } from '../../appliance/netlink/rtnetlink.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { macs, site } from './path.ts'

export interface Attachment {
  readonly overlay: readonly Feature[]
  readonly lan: readonly Feature[]
}

/** Milliseconds. */
export interface AttachTimes {
  readonly load: number
  readonly effect: number // from the start until each program sees every packet
  readonly moves: number // from then on, until each stands where it costs least
  readonly held: number // the longest while of the moves in which this process could do nothing else
}

const { overlay, lan } = JSON.parse(process.argv[2]!) as Attachment
const direct = directHook()
let programs: Programs | undefined
using kernel = await openKernel(silentLog, { find: id => programs?.find(id), direct })
const { links } = await kernel.state()

function load(loader: Programs): Program[] {
  const place = { plan: lanPlan(site.sitePrefix, undefined), mac: macs.lan, linkLocal: parseIp6('fe80::ff:fe00:1') }
  const outside = { kind: 'overlay', site, features: overlay, subnets: [] } as const
  const inside = { kind: 'lan', site, ...place, overlay: undefined, subnets: [], features: lan } as const
  const on = (name: string, point: Point, instance: typeof outside | typeof inside): Program => {
    const link = links.find(each => each.name === name)!.index
    return { link, point, way: direct ? 'direct' : 'clsact', id: loader.load(instance, point).id, slot: 0 }
  }
  return [
    ...(overlay.length > 0 ? [on('zt0', 'egress', outside), on('zt0', 'ingress', outside)] : []),
    ...(lan.length > 0 ? [on('lan0', 'ingress', inside)] : []),
  ]
}

let changes: Changes = noChanges
/** What is left to do, as the kernel stands now. */
async function left(wanted: readonly Program[]): Promise<Reconciliation> {
  const hooks = links.map(({ index }) => index)
  const plan = reconcile({ ...nothing, programs: wanted, hooks }, await kernel.state(), changes)
  changes = plan.changes
  return plan
}

const began = performance.now()
programs = new Programs()
const wanted = load(programs)
const loaded = performance.now()
const { steps } = await left(wanted)
for (const step of steps) await kernel.apply(step)
const working = performance.now()

const { moves, steps: more } = await left(wanted)
if (more.length > 0) throw new Error('not all of it was done at once')
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
for (const step of moves) await kernel.apply(step)
delay.disable()
const times: AttachTimes = {
  load: loaded - began,
  effect: working - began,
  moves: performance.now() - working,
  held: delay.max / 1e6,
}
process.stdout.write(`${JSON.stringify(times)}\n`)
