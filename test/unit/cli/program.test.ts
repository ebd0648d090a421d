import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from './terminal.ts'

test('every command but run takes --json', async () => {
  const { out } = await run('--help')
  const commands = [...out.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, name]) => name!)
  expect(commands.length).toBeGreaterThan(5)
  for (const command of commands)
    expect((await run(command, '--help')).out, command).toMatch(/--json|\[options\] \[command\]/)
})

test('a configuration that is not valid is an object with the place of each problem, beside the sentences', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'siteplane-cli-'))
  try {
    const file = join(folder, 'siteplane.yaml')
    writeFileSync(file, 'overlay: {network: 8056c2e21c000001}\nlan:\n  - interfaces: eth1\n')
    const { status, out, err } = await run('check', '--config', file, '--json')
    expect(status).toBe(2)
    expect(err).toBe(`${file}:3:5: lan[0].interfaces: unknown key; did you mean interface?\n`)
    expect(JSON.parse(out)).toEqual({
      error: {
        code: 'CONFIG',
        message: err.trim(),
        problems: [
          { file, line: 3, column: 5, key: 'lan[0].interfaces', message: 'unknown key; did you mean interface?' },
        ],
      },
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what an operator must mend is an object too', async () => {
  const { status, out, err } = await run('status', '--socket', '/nowhere/api.sock', '--json')
  expect(status).toBe(1)
  expect(JSON.parse(out)).toEqual({ error: { code: 'OPERATOR', message: err.replace('siteplane: ', '').trim() } })
})
