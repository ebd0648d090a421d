/** What the status is made of: one overlay with its LANs, at one moment. */
import type { Clock } from '../base/clock.ts'
import type { PartState } from '../base/part.ts'
import type { Config } from '../config/schema.ts'
import type { FastPathPlan } from '../fastpath/plan.ts'
import type { PrefixRow } from '../http/api.ts'
import type { KernelStatus } from '../netlink/converge.ts'
import type { OverlayReport } from '../overlay/overlay.ts'
import type { Site } from '../plane/site.ts'
import type { FastPath } from './fast-path.ts'
import type { Ipv4 } from './ipv4.ts'
import type { LanRunner } from './lan.ts'
import type { Slaac } from './slaac.ts'

export interface Snapshot {
  readonly version: string
  readonly startedAt: number // milliseconds since 1970
  readonly config: Config // with this overlay and its LANs alone
  readonly several: boolean // overlays
  readonly refusedConfig: string | undefined // why the newest configuration isn't in use
  readonly report: OverlayReport
  readonly site: Site | undefined
  readonly kernel: KernelStatus
  readonly lans: readonly LanRunner[] // of all networks
  readonly resolverCounters: object | undefined // undefined: it doesn't run
  readonly resolverFailure: string | undefined
  readonly fastPlan: FastPathPlan | undefined
  readonly fastPath: FastPath
  readonly prefixes: readonly PrefixRow[]
  readonly prefixConflicts: readonly string[]
  readonly storeReasons: readonly string[]
  readonly ipv4: Ipv4
  readonly slaac: Slaac
  readonly parts: readonly { readonly name: string; readonly state: PartState }[]
  readonly httpReasons: readonly string[]
  readonly clock: Clock
}
