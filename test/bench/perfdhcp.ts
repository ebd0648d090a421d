import { setTimeout as wait } from 'node:timers/promises'
import type { Host } from '../lab/host.ts'
import { pinned } from './dhcp-servers.ts'

export interface Load {
  readonly rate: number // exchanges begun in a second
  readonly clients: number // different ones, one after the other
  readonly seconds?: number
  readonly exchanges?: number // that many instead
  readonly timers?: boolean // say how long each exchange took
}

export interface Result {
  readonly begun: number
  readonly completed: number
  readonly lost: number // share of what was begun, 0 to 1
  readonly perSecond: number // completed
  readonly solicit: readonly number[] // milliseconds from Solicit to Advertise, where asked for
  readonly request: readonly number[] // milliseconds from Request to Reply
}

/** Kea's load generator on eth0, on a processor of its own: its loop spins, and would starve a server beside it. */
export async function perfdhcp(host: Host, load: Load): Promise<Result> {
  const clients = ['-R', String(load.clients), '-b', 'duid=0001000126aabbcc000c01020304', '-b', 'mac=00:0c:01:02:03:04']
  const end = load.exchanges ? ['-n', String(load.exchanges)] : ['-p', String(load.seconds ?? 1)]
  const last = ['-W', '300000', ...(load.timers ? ['-x', 't'] : [])] // microseconds to wait for late answers
  const argv = ['perfdhcp', '-6', '-g', 'single', '-l', 'eth0', '-r', String(load.rate), ...clients, ...end, ...last]
  for (let tries = 30; ; tries--) {
    const began = performance.now()
    await using program = pinned(host, 0, [...argv, 'all'])
    const { status } = await program.exited
    const seconds = load.exchanges ? (performance.now() - began) / 1000 : (load.seconds ?? 1)
    if (status === 0 || status === 3) return parse(program.output, seconds)
    // The kernel's neighbour table, which all namespaces share, may be full for a while of what ran before.
    const full = program.output.includes('sendmsg() returned with an error: Invalid argument')
    if (!full || tries === 0) throw new Error(`perfdhcp ended with ${status}: ${program.output}`)
    await wait(1_000)
  }
}

function parse(output: string, seconds: number): Result {
  const [, solicit = '', request = ''] = output.split(/\*\*\*Statistics for: /)
  const count = (text: string, what: string) => Number(new RegExp(`${what}: (\\d+)`).exec(text)?.[1])
  const begun = count(solicit, 'sent packets')
  const completed = count(request, 'received packets')
  if (Number.isNaN(begun) || Number.isNaN(completed)) throw new Error(`perfdhcp said: ${output}`)
  return {
    begun,
    completed,
    lost: 1 - completed / begun,
    perSecond: completed / seconds,
    solicit: timersOf(output, 'SOLICIT-ADVERTISE'),
    request: timersOf(output, 'REQUEST-REPLY'),
  }
}

/** Milliseconds from each message to its answer. */
function timersOf(output: string, exchange: string): number[] {
  const [, section = ''] = output.split(`***Timestamps for packets: ${exchange}***`)
  const lines = section.split('***')[0]!.matchAll(/sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)/g)
  return [...lines].map(([, sent, received]) => (Number(received) - Number(sent)) * 1000)
}

const ladder = 1.05 // from one rate that is tried to the next: what two runs of the same differ by anyhow
const first = 1_000
const start = 12_000
const rateOf = (rung: number): number => Math.round(first * ladder ** rung)

/**
 * The most exchanges a second of which less than 1 % are lost, from a search that begins at `near` and takes ever smaller steps.
 * Lost ones are waited for, so that the next try finds the server idle.
 */
export async function capacity(host: Host, clients: number, near = start): Promise<number> {
  let rung = Math.max(0, Math.round(Math.log(near / first) / Math.log(ladder)))
  let best = 0
  let direction = 0
  for (let step = near === start ? 12 : 3; step >= 1; ) {
    const { lost, perSecond } = await perfdhcp(host, { rate: rateOf(rung), clients, seconds: 2 })
    const held = lost < 0.01
    if (held) best = Math.max(best, perSecond)
    if (direction !== 0 && held !== direction > 0) step = Math.floor(step / 2)
    direction = held ? 1 : -1
    rung += direction * Math.max(1, step)
    if (rung < -60) break
  }
  return best
}
