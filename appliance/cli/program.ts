/** The command line: one file per command; what they have in common stands here. */
import { Command, CommanderError } from 'commander'
import { ConfigError, OperatorError } from '../base/errors.ts'
import { addressCommand } from './address.ts'
import { checkCommand } from './check.ts'
import { joinCommand } from './join.ts'
import { leasesCommand } from './leases.ts'
import { planCommand } from './plan.ts'
import { sitesCommand } from './sites.ts'
import { statusCommand } from './status.ts'
import { stopCommand } from './stop.ts'
import type { Terminal } from './terminal.ts'

/** Options of every command. */
export interface CommonOptions {
  readonly config?: string
  readonly socket?: string
}

export function createProgram(version: string, terminal: Terminal): Command {
  return new Command('siteplane')
    .description('One IPv6 network for the LANs of many sites, over ZeroTier')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err, getOutHasColors: () => terminal.color })
    .showHelpAfterError('(siteplane --help says more)')
}

/** A new command with the options that every one has. */
export function addCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--config <file>', 'configuration file (default: /etc/siteplane/siteplane.yaml)')
    .option('--socket <path>', "the daemon's API socket (default: the configuration's)")
}

/** Everything but `run`. */
export function registerCommands(program: Command, terminal: Terminal): void {
  checkCommand(addCommand(program, 'check', 'validate the configuration and print what would come of it'), terminal)
  statusCommand(addCommand(program, 'status', 'what the daemon does, and what it waits for'), terminal)
  leasesCommand(addCommand(program, 'leases', 'which host has which address'), terminal)
  sitesCommand(addCommand(program, 'sites', 'which other sites there is traffic with'), terminal)
  addressCommand(addCommand(program, 'address', 'the prefixes, address and MAC of a node'), terminal)
  joinCommand(addCommand(program, 'join', 'join a ZeroTier network and wait until this node is a member'), terminal)
  planCommand(
    addCommand(program, 'plan', "configuration for the site's own router or DHCPv6 server to do our part"),
    terminal,
  )
  stopCommand(addCommand(program, 'stop', 'stop or hand over the daemon of a systemd unit (ExecStop)'), terminal)
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
