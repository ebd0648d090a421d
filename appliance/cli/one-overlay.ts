import { OperatorError } from '../base/errors.ts'
import type { Config, OverlayConfig } from '../config/schema.ts'
import { formatNetworkId, type NetworkId } from '../plane/sixplane.ts'

/** The configured overlay of this network, or the only one. Throws an OperatorError where that says none or several. */
export function oneOverlay({ overlays }: Config, network?: NetworkId): OverlayConfig {
  const [first, ...others] = network === undefined ? overlays : overlays.filter(each => each.network === network)
  if (first && others.length === 0) return first
  if (!first) return { ...overlays[0]!, network: network! }
  const known = overlays
    .map(({ network: id, name }) => `${formatNetworkId(id)}${name === undefined ? '' : ` (${name})`}`)
    .join(', ')
  throw new OperatorError(`several overlays are configured: --network says which of ${known}`)
}
