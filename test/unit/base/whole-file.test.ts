import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFileSync, replaceFile, replaceFileSync } from '../../../appliance/base/whole-file.ts'

const temporary = () => mkdtempDisposable(join(tmpdir(), 'siteplane-'))
const rightsOf = (file: string) => {
  const { mode, uid, gid } = statSync(file)
  return { mode: mode & 0o7777, uid, gid }
}

test('a file that is ours has the mode that is wanted, whatever a crash left', async () => {
  await using folder = await temporary()
  for (const call of [replaceFileSync, replaceFile, createFileSync]) {
    const file = join(folder.path, call.name)
    writeFileSync(`${file}.new`, 'half of', { mode: 0o666 })
    await call(file, 'all of it', 0o600)
    expect(readFileSync(file, 'utf8')).toBe('all of it')
    expect(rightsOf(file).mode).toBe(0o600)
    expect(existsSync(`${file}.new`)).toBe(false)
  }
})

test("somebody else's file stays theirs", async () => {
  await using folder = await temporary()
  const file = join(folder.path, 'daemon.json')
  writeFileSync(file, 'theirs')
  chmodSync(file, 0o664)
  if (process.getuid!() === 0) chownSync(file, 1234, 5678)
  const theirs = rightsOf(file)
  replaceFileSync(file, 'with ours', statSync(file))
  expect(readFileSync(file, 'utf8')).toBe('with ours')
  expect(rightsOf(file)).toEqual(theirs)
})

test('what is there already is not created anew', async () => {
  await using folder = await temporary()
  const file = join(folder.path, 'secret')
  createFileSync(file, 'first', 0o600)
  expect(() => createFileSync(file, 'second', 0o600)).toThrow('EEXIST')
  expect(readFileSync(file, 'utf8')).toBe('first')
  expect(readdirSync(folder.path)).toEqual(['secret'])
})

test('what can not take its name leaves no draft', async () => {
  await using folder = await temporary()
  const file = join(folder.path, 'taken')
  mkdirSync(file)
  expect(() => replaceFileSync(file, 'new', 0o600)).toThrow('EISDIR')
  await expect(replaceFile(file, 'new', 0o600)).rejects.toThrow('EISDIR')
  expect(readdirSync(folder.path)).toEqual(['taken'])
})
