import { expect, test } from 'vitest'
import { parsePrefix } from '../../../appliance/base/ip6.ts'
import { leaseRows } from '../../../appliance/dhcp/leases.ts'
import { bindingOf, start } from './stored.ts'

test('of very many leases some are shown, and the others of served LANs counted', () => {
  const bindings = [1, 2, 3, 4, 5].map(iaid => bindingOf({ iaid, host: iaid, subnet: iaid === 5 ? 7 : undefined }))
  const served = [{ interface: 'eth1', subnet: undefined, prefixes: [parsePrefix('fc9c:56c2:e389:e92c:eee5::/80')] }]
  const { rows, leftOut } = leaseRows(bindings, [], served, start, 3)
  expect([rows.map(({ iaid }) => iaid), leftOut]).toEqual([[1, 2, 3], 1])
})
