import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { sleep } from '../base/clock.ts'
import { OperatorError } from '../base/errors.ts'
import type { CommonOptions } from './program.ts'
import { json, type Terminal } from './terminal.ts'

const poll = 50 // milliseconds between two looks at the process
const patience = 20_000 // milliseconds; then systemd's own signals must do

/** What stopping needs of the machine. */
export interface Machine {
  listJobs(): Promise<string>
  signal(pid: number, signal: 'SIGTERM' | 'SIGUSR2'): void
  isGone(pid: number): boolean
  pause(): Promise<void>
}

export function stopCommand(command: Command, terminal: Terminal): void {
  command
    .requiredOption('--unit [name]', 'the systemd unit whose ExecStop this is; its process is named by MAINPID')
    .option('--json', 'say as one object what was done')
    .action(async (options: CommonOptions & { unit: string | true }) => {
      const unit = options.unit === true ? 'siteplane.service' : options.unit
      const signal = await stopUnit(unit, terminal.env['MAINPID'], linux)
      if (options.json) terminal.out(json({ unit, signal: signal ?? null }))
    })
}

/**
 * Hands over where systemd restarts the unit, stops for good where it stops it, and returns when the process is gone. Without a
 * main process (it crashed) there is nothing to do. Returns the signal that ended it.
 */
export async function stopUnit(
  unit: string,
  mainPid: string | undefined,
  machine: Machine,
): Promise<'SIGTERM' | 'SIGUSR2' | undefined> {
  if (mainPid === undefined || mainPid === '') return undefined
  const pid = Number(mainPid)
  if (!Number.isInteger(pid) || pid < 2) throw new OperatorError(`MAINPID=${mainPid} is not a process of ours`)
  const signal = signalFor(jobOf(await machine.listJobs(), unit))
  machine.signal(pid, signal)
  for (let waited = 0; !machine.isGone(pid); waited += poll) {
    if (waited >= patience) throw new OperatorError(`process ${pid} has not ended within ${patience / 1000} s`)
    await machine.pause()
  }
  return signal
}

/** The type of the unit's job in the output of `systemctl list-jobs`; undefined where it has none. */
export function jobOf(listing: string, unit: string): string | undefined {
  const rows = listing.split('\n').map(line => line.trim().split(/\s+/))
  return rows.find(([id, name]) => /^\d+$/.test(id ?? '') && name === unit)?.[2]
}

/** While systemd stops a unit to start it again, the job is still called by the whole. */
export function signalFor(job: string | undefined): 'SIGTERM' | 'SIGUSR2' {
  return job !== undefined && /^(try-)?re(start|load-or-restart)$/.test(job) ? 'SIGUSR2' : 'SIGTERM'
}

const linux: Machine = {
  async listJobs() {
    try {
      const args = ['list-jobs', '--no-legend', '--no-pager', '--full', '--plain']
      const { stdout } = await promisify(execFile)('systemctl', args, { timeout: 5_000 })
      return stdout
    } catch {
      return '' // no answer from systemd: the safe reading is a stop for good
    }
  },
  signal(pid, signal) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  },
  isGone(pid) {
    try {
      // The state follows the name in parentheses, which may hold anything; a zombie has ended. proc(5)
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return /^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1))
    } catch {
      return true
    }
  },
  pause: () => sleep(poll),
}
