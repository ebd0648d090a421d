/** The command line of siteplane. `run` is the daemon; everything else asks it, or computes. */
import { readFileSync } from 'node:fs'
import { createLog } from './base/log.ts'
import { addCommand, type CommonOptions, createProgram, runProgram } from './cli/program.ts'
import { processTerminal } from './cli/terminal.ts'
import { loadConfig } from './config/load.ts'
import { defaultConfigFile } from './config/schema.ts'
import { keepHeapSmall } from './daemon/heap.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const terminal = processTerminal()
const program = createProgram(version, terminal)

addCommand(program, 'run', 'run the daemon in the foreground').action(async (options: CommonOptions) => {
  keepHeapSmall()
  const configFile = options.config ?? defaultConfigFile
  const { level } = loadConfig(configFile).log
  const log = createLog(level, process.env['JOURNAL_STREAM'] !== undefined)
  const { run } = await import('./daemon/run.ts') // the other commands don't wait for what only the daemon needs
  await run({ configFile, socket: options.socket, version, log })
})
const args = process.argv.slice(2)
if (args[0] !== 'run') {
  const { registerCommands } = await import('./cli/commands.ts') // the daemon needs none of them, neither time nor memory
  registerCommands(program, terminal)
}

process.exitCode = await runProgram(program, args, terminal)
