import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { loadTranslations, removeTranslations, saveTranslations } from '../../../appliance/translation/file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('what is saved comes back; no file is nobody, and a damaged one too', async () => {
  const file = join(folder, 'translations.json')
  const own = [parseIp6('fd00::1'), parseIp6('fd00::2')]
  const all = [{ link: 'eth1', mac: parseMac('02:00:00:00:00:0a'), host: 0xffff_ffff, own, heardAt: 1_800_000_000_000 }]
  expect(loadTranslations(file, silentLog)).toBeUndefined()
  await saveTranslations(file, all)
  expect(loadTranslations(file, silentLog)).toEqual(all)
  for (const text of ['', '[{}]', '[{"mac":"02:00:00:00:00:0a","host":1,"own":[]}]', '{"a":1}']) {
    writeFileSync(file, text)
    expect(loadTranslations(file, silentLog)).toEqual([])
  }
  removeTranslations(file)
  expect(loadTranslations(file, silentLog)).toBeUndefined()
})
