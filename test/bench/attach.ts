/**
 * Puts programs on the links of the network namespace that it runs in, by their features as JSON, and prints in how many
 * milliseconds: directly where the kernel can do that, as the product does. They stay when it ends.
 */
import { readFileSync } from 'node:fs'
import koffi from 'koffi'
import { parseIp6 } from '../../appliance/base/ip6.ts'
import { Programs } from '../../appliance/fastpath/attach.ts'
import type { Feature } from '../../appliance/fastpath/instance.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { hasTcx, tcxAttach } from '../../appliance/system/tcx.ts'
import { macs, site } from './path.ts'

export interface Attachment {
  readonly overlay: readonly Feature[]
  readonly lan: readonly Feature[]
}

/** Milliseconds. */
export interface AttachTimes {
  readonly load: number
  readonly attach: number
}

const library = koffi.load('libbpf.so.1')
const createHook = library.func('int bpf_tc_hook_create(void *hook)') as (hook: Uint32Array) => number
const attachTo = library.func('int bpf_tc_attach(void *hook, void *options)') as Attach
type Attach = (hook: Uint32Array, options: Uint32Array) => number

/** struct bpf_tc_hook: sz 0 and 4, ifindex 8, attach_point 12, parent 16. struct bpf_tc_opts: sz 0 and 4, prog_fd 8. */
function attach(link: string, point: 'ingress' | 'egress', program: number): void {
  const index = Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'))
  if (hasTcx()) {
    tcxAttach(index, point, program)
    return
  }
  const hook = Uint32Array.of(24, 0, index, point === 'ingress' ? 1 : 2, 0, 0)
  createHook(hook) // it may be there
  const result = attachTo(hook, Uint32Array.of(32, 0, program, 0, 0, 0, 0, 0))
  if (result < 0) throw new Error(`could not attach to ${point} of ${link}: errno ${-result}`)
}

const { overlay, lan } = JSON.parse(process.argv[2]!) as Attachment
const began = performance.now()
const programs = new Programs()
const standing: [string, 'ingress' | 'egress', number][] = []
if (overlay.length > 0)
  for (const point of ['egress', 'ingress'] as const)
    standing.push(['zt0', point, programs.load({ kind: 'overlay', site, features: overlay, subnets: [] }, point).fd])
if (lan.length > 0) {
  const place = { plan: lanPlan(site.sitePrefix, undefined), mac: macs.lan, linkLocal: parseIp6('fe80::ff:fe00:1') }
  const instance = { kind: 'lan', site, ...place, overlay: undefined, subnets: [], features: lan } as const
  standing.push(['lan0', 'ingress', programs.load(instance, 'ingress').fd])
}
const loaded = performance.now()
for (const each of standing) attach(...each)
const times: AttachTimes = { load: loaded - began, attach: performance.now() - loaded }
process.stdout.write(`${JSON.stringify(times)}\n`)
