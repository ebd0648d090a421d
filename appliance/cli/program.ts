/** The command line: one file per command; what they have in common stands here, and in commands.ts which there are. */
import { Command, CommanderError } from 'commander'
import { ConfigError, messageOf, OperatorError } from '../base/errors.ts'
import { json, type Terminal } from './terminal.ts'

/** Options of every command. */
export interface CommonOptions {
  readonly config?: string
  readonly socket?: string
  readonly json?: true
}

export function createProgram(version: string, terminal: Terminal): Command {
  return new Command('siteplane')
    .description('One IPv6 network for the LANs of many sites, over ZeroTier')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err, getOutHasColors: () => terminal.color })
    .showHelpAfterError('(siteplane --help says more)')
}

/** A new command with the options that every one has. With --json an error is one object on the standard output too. */
export function addCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--config <file>', 'configuration file (default: /etc/siteplane/siteplane.yaml)')
    .option('--socket <path>', "the daemon's API socket (default: the configuration's)")
}

/**
 * Runs one command line; resolves with the exit status: 0, 1 where the operator must do something (or used the command wrongly),
 * 2 where the configuration has problems, 70 where we have a bug.
 */
export async function runProgram(program: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode // commander has said it already
    if (args.includes('--json')) terminal.out(json({ error: errorOf(error) }))
    if (error instanceof ConfigError) {
      terminal.err(`${error.message}\n`)
      return 2
    }
    if (error instanceof OperatorError) {
      terminal.err(`siteplane: ${error.message}\n`)
      return 1
    }
    terminal.err(`siteplane: a bug: ${error instanceof Error ? error.stack : String(error)}\n`)
    return 70
  }
}

/** What a script gets of an error, on the standard output. */
function errorOf(error: unknown): object {
  if (error instanceof ConfigError) return { code: error.code, message: error.message, problems: error.problems }
  return { code: error instanceof OperatorError ? error.code : 'BUG', message: messageOf(error) }
}
