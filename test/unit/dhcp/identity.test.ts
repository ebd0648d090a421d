import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../../appliance/base/errors.ts'
import { loadIdentity } from '../../../appliance/dhcp/identity.ts'
import { Folder } from './stored.ts'

describe('the identity', () => {
  test('D14 is made once and kept', () => {
    using folder = new Folder()
    const first = loadIdentity(folder.path)
    expect(first.duid).toMatch(/^00:04(:[0-9a-f]{2}){16}$/)
    expect(first.secret.length).toBe(32)
    expect(loadIdentity(folder.path)).toEqual(first)
    using other = new Folder()
    expect(loadIdentity(other.path)).not.toEqual(first)
    expect(readdirSync(folder.path).sort()).toEqual(['duid', 'secret'])
    for (const name of ['duid', 'secret']) expect(statSync(join(folder.path, name)).mode & 0o777).toBe(0o600)
  })

  test.for(['duid', 'secret'])('a damaged %s is an error, never a new one', name => {
    using folder = new Folder()
    loadIdentity(folder.path)
    for (const text of ['', 'zz', '00', '00:04:11']) {
      if (name === 'duid' && text === '00:04:11') continue // any three octets are a DUID
      writeFileSync(join(folder.path, name), text)
      expect(() => loadIdentity(folder.path)).toThrow(OperatorError)
    }
  })
})
