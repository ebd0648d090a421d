import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recallSite, rememberSite } from '../../../appliance/daemon/memory.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const network = parseNetworkId('8056c2e21c000001')
const site = siteOf(network, parseNodeAddress('89e92ceee5'))

test('a site is remembered', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
  expect(recallSite(directory.path)).toBeUndefined()
  rememberSite(directory.path, site)
  expect(recallSite(directory.path)).toEqual(site)
})

test.for(['', '{', '[]', '{"network":"8056c2e21c000001"}', '{"network":"8056c2e21c000001","node":"ff00000000"}'])(
  'a damaged file (%s) is nothing remembered',
  async text => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
    await writeFile(join(directory.path, 'site.json'), text)
    expect(recallSite(directory.path)).toBeUndefined()
  },
)
