/** Who we are, for commands that run without a daemon: by what was typed, the configuration, or ZeroTier's local API. */
import { OperatorError } from '../base/errors.ts'
import type { OverlayConfig } from '../config/schema.ts'
import { judge } from '../overlay/judge.ts'
import { visit } from '../overlay/local-api.ts'
import type { OverlayReport } from '../overlay/overlay.ts'
import { siteOf } from '../plane/site.ts'

/** What is known of the overlay now, with no word on links. A static one is known whole. */
export async function place(overlay: OverlayConfig): Promise<OverlayReport> {
  if (overlay.kind === 'zerotier') return judge(overlay.network, await visit(overlay.home, overlay.network), undefined)
  const { kind, network, node, interface: name } = overlay
  const site = siteOf(network, node)
  return { kind, state: 'ok', network, node, interface: name, site, carries: true, notices: [] }
}

/** Throws an OperatorError where the node isn't known. */
export function siteIn(report: OverlayReport) {
  if (report.site) return report.site
  throw unknownNode(report.reason ?? null)
}

export const unknownNode = (reason: string | null) =>
  new OperatorError(`this node's address is not known (${reason}); --node ADDRESS says it`)
