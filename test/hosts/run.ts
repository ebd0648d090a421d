/**
 * `make test-hosts`: what README says to type for each kind of host, typed beside the versions that Debian's suites have of it. HOSTS
 * (a part of a name) takes some of them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { counted, describe, failures, type VitestResult } from '../count.ts'

const output = 'build/hosts.json'
mkdirSync('build', { recursive: true })
rmSync(output, { force: true })
const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${output}`]
const only = process.env['HOSTS'] === undefined ? [] : [process.env['HOSTS']]
const argv = ['run', '--config', 'test/vitest.config.ts', '--project', 'hosts', ...reporters, ...only]
const { status } = spawnSync('vitest', argv, { stdio: ['ignore', 'inherit', 'inherit'] })
const result = existsSync(output) ? (JSON.parse(readFileSync(output, 'utf8')) as VitestResult) : undefined

const failed = result ? failures(result) : []
const lines = failed.map(({ file, name, why }) => `failed: ${basename(file)}: ${name}: ${why}`)
process.stdout.write(`\n${[...lines, describe(counted(status === 0, result))].join('\n')}\n`)
process.exitCode = status === 0 ? 0 : 1
