import type { Log } from '../base/log.ts'
import { Daemon, type DaemonOptions, type Ending } from './daemon.ts'
import { tidyHeap } from './heap.ts'
import { takeLock } from './lock.ts'
import { requirePrivileges } from './privileges.ts'
import { arrangeThreads } from './threads.ts'

/** A stop may take this long in milliseconds: the last advertisements, the kernel put back. Then we go anyway. */
const longestStop = 1_900

/**
 * Runs the daemon until a signal ends it: SIGTERM and SIGINT stop for good, SIGUSR2 hands over, SIGHUP reloads. Rejects with an
 * OperatorError or a ConfigError where it can't start.
 */
export async function run(options: DaemonOptions): Promise<void> {
  const { log } = options
  const ended = Promise.withResolvers<Ending>()
  let early = false // asked to reload while the start is under way, which may have read the file already
  let reload = () => {
    early = true
  }
  process.on('SIGTERM', () => ended.resolve('stop'))
  process.on('SIGINT', () => ended.resolve('stop'))
  process.on('SIGUSR2', () => ended.resolve('hand-over'))
  process.on('SIGHUP', () => reload())

  requirePrivileges()
  await using _lock = await takeLock()
  const daemon = await Daemon.create(options)
  await daemon.start()
  tidyHeap()
  arrangeThreads()
  let reloads = Promise.resolve()
  reload = () => {
    reloads = reloads.then(() => daemon.reload()).catch(error => log.error({ err: error }, 'could not reload'))
  }
  if (early) reload()
  const ending = await ended.promise
  const late = setTimeout(() => giveUp(log), longestStop)
  await daemon.stop(ending)
  clearTimeout(late)
}

function giveUp(log: Log): void {
  log.error({ seconds: longestStop / 1000 }, 'the stop took too long; the next start tidies up')
  process.exit(1)
}
