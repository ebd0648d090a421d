import { OperatorError } from '../base/errors.ts'
import { effectiveCapabilities } from '../system/capabilities.ts'

/** What the daemon can't do without, and for what. */
const needed = {
  CAP_NET_ADMIN: 'addresses, routes and forwarding',
  CAP_NET_RAW: 'router advertisements and neighbour answers',
  CAP_NET_BIND_SERVICE: 'the DHCPv6 port',
} as const

/** Throws an OperatorError of one sentence that names what is missing. */
export function requirePrivileges(): void {
  const held = effectiveCapabilities()
  const missing = Object.entries(needed).filter(([name]) => !held.has(name))
  if (missing.length === 0) return
  const list = missing.map(([name, use]) => `${name} (${use})`).join(', ')
  throw new OperatorError(`missing ${list}: run it as root or by its systemd unit`)
}
