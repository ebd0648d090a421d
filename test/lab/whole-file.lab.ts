/** Files that are written whole, by a process that is killed in the middle of it and on a disk that fills. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Program, run } from './program.ts'

const before = `${'old '.repeat(10)}\n`
const after = `${'new '.repeat(2000)}\n`
const module = new URL('../../appliance/base/whole-file.ts', import.meta.url).pathname
const calls = ['replaceFileSync', 'replaceFile'] as const

/** A program that writes `after` into the file. */
const writer = (call: string, file: string): string[] => {
  const script = `import { ${call} } from '${module}'
    await ${call}('${file}', ${JSON.stringify(after)}, 0o600)`
  return [process.execPath, '--input-type=module-typescript', '--no-warnings', '-e', script]
}

const steps = { write: 'write', draftSynced: 'fsync:when=1', renamed: 'rename', folderSynced: 'fsync:when=2' }

test.for(calls.flatMap(call => Object.entries(steps).map(([step, at]) => ({ call, step, at }))))(
  '$call, killed at $step: the old content is there or the new one, and the next one succeeds',
  async ({ call, at }) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
    const file = join(folder.path, 'kept.json')
    writeFileSync(file, before)
    const [name, when] = at.split(':')
    const inject = `inject=${name}:signal=KILL${when ? `:${when}` : ''}`
    const only = ['-P', `${file}.new`, '-P', file, '-P', folder.path]
    const argv = ['strace', '-f', '-o', '/dev/null', ...only, '-e', inject, ...writer(call, file)]
    await using killed = new Program(argv, { UV_THREADPOOL_SIZE: '1' }) // strace counts calls by thread
    expect(await killed.exited, killed.output).toEqual({ status: undefined, signal: 'SIGKILL' })
    expect([before, after]).toContain(readFileSync(file, 'utf8'))
    await run(...writer(call, file))
    expect(readFileSync(file, 'utf8')).toBe(after)
    expect(readdirSync(folder.path)).toEqual(['kept.json'])
  },
)

test.for(calls)('%s: what takes the name is on disk, and so is the name when it returns', async call => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
  const file = join(folder.path, 'kept.json')
  const trace = join(folder.path, 'trace')
  await run(
    'strace',
    '-f',
    '-y',
    '-e',
    'trace=write,fsync,rename,exit_group',
    '-s',
    '0',
    '-o',
    trace,
    ...writer(call, file),
  )
  const order = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap(line => {
      const [, syscall, what = ''] = /^\d+ +(\w+)\((?:\d+<([^>]*)>)?/.exec(line) ?? []
      if (syscall === 'rename' || what.startsWith(folder.path))
        return `${syscall} ${what.replace(folder.path, '')}`.trim()
      return []
    })
  expect(order).toEqual(['write /kept.json.new', 'fsync /kept.json.new', 'rename', 'fsync'])
})

test.for(calls)(
  '%s on a disk that fills in the middle: the old content stays, nothing else does, and it throws',
  async call => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
    const file = join(folder.path, 'kept.json')
    const script = `mount -t tmpfs -o size=8k tmpfs ${folder.path} && echo old >${file}; "$@" 2>&1; cat ${file}; ls ${folder.path}`
    const said = await run('unshare', '--mount', 'sh', '-c', script, 'sh', ...writer(call, file))
    expect(said).toContain('ENOSPC')
    expect(said.trim().split('\n').slice(-2)).toEqual(['old', 'kept.json'])
  },
)
