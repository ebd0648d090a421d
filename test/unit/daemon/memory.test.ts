import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recall, remember } from '../../../appliance/daemon/memory.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const network = parseNetworkId('8056c2e21c000001')
const site = siteOf(network, parseNodeAddress('89e92ceee5'))

test('a site is remembered', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
  expect(recall(join(directory.path, 'site.json'))).toBeUndefined()
  remember(join(directory.path, 'site.json'), { site })
  expect(recall(join(directory.path, 'site.json'))).toEqual({ site })
})

test('and the one before, with its end', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
  const memory = { site, former: { site: siteOf(network, parseNodeAddress('be3ff01c29')), until: 1_795_000_000_000 } }
  remember(join(directory.path, 'site.json'), memory)
  expect(recall(join(directory.path, 'site.json'))).toEqual(memory)
})

test.for(['', '{', '[]', '{"network":"8056c2e21c000001"}', '{"network":"8056c2e21c000001","node":"ff00000000"}'])(
  'a damaged file (%s) is nothing remembered',
  async text => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
    await writeFile(join(directory.path, 'site.json'), text)
    expect(recall(join(directory.path, 'site.json'))).toBeUndefined()
  },
)
