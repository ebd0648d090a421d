import type { Command } from 'commander'
import { addressCommand } from './address.ts'
import { checkCommand } from './check.ts'
import { cniCommand } from './cni.ts'
import { dockerCommand } from './docker.ts'
import { joinCommand } from './join.ts'
import { leasesCommand } from './leases.ts'
import { planCommand } from './plan.ts'
import { prefixCommand } from './prefix.ts'
import { addCommand } from './program.ts'
import { sitesCommand } from './sites.ts'
import { statusCommand } from './status.ts'
import { stopCommand } from './stop.ts'
import type { Terminal } from './terminal.ts'

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
  prefixCommand(
    program.command('prefix').description('prefixes of this site for containers and virtual machines, by name'),
    terminal,
  )
  cniCommand(addCommand(program, 'cni', 'a CNI configuration for pods with addresses of this site'), terminal)
  dockerCommand(addCommand(program, 'docker', 'what Docker needs for containers with addresses of this site'), terminal)
  stopCommand(addCommand(program, 'stop', 'stop or hand over the daemon of a systemd unit (ExecStop)'), terminal)
}
