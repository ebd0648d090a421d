import { fileURLToPath } from 'node:url'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

const sender = fileURLToPath(new URL('datagrams.ts', import.meta.url))
const port = 9 // "discard", which nobody has here

/** What became of a flow. */
export interface FlowResult {
  readonly sent: number
  readonly lost: number
  readonly rate: number // packets per second that were reached
}

/**
 * Datagrams at a fixed rate from one host to another, to one or several of its addresses, where the kernel counts what arrives: no program has to keep up. One flow at
 * a time to each host.
 */
export class Flow implements AsyncDisposable {
  readonly #program: Program
  readonly #to: Host
  readonly #before: number

  private constructor(program: Program, to: Host, before: number) {
    this.#program = program
    this.#to = to
    this.#before = before
  }

  /** Resolves when the first datagrams have arrived. */
  static async start(from: Host, to: Host, address: string | readonly string[], rate: number): Promise<Flow> {
    const before = await unclaimed(to)
    const program = from.spawn([process.execPath, sender, [address].flat().join(), String(port), String(rate)])
    const flow = new Flow(program, to, before)
    await until(async () => (await flow.arrived()) > 0, `datagrams from ${from.name} on ${to.name}`)
    return flow
  }

  async arrived(): Promise<number> {
    return (await unclaimed(this.#to)) - this.#before
  }

  /** Waits until this many more have arrived. */
  async goesOn(count: number): Promise<void> {
    const goal = (await this.arrived()) + count
    await until(async () => (await this.arrived()) >= goal, `${count} more datagrams on ${this.#to.name}`, 30_000)
  }

  async stop(): Promise<FlowResult> {
    await this.#program.stop('SIGTERM', 20_000)
    const said = this.#program.lines.at(-1) ?? ''
    if (!said.startsWith('{')) throw new Error(`the sender said: ${this.#program.output}`)
    const { sent, refused, seconds } = JSON.parse(said) as { sent: number; refused: number; seconds: number }
    if (refused > 0) throw new Error(`${refused} of ${sent + refused} datagrams could not even be sent`)
    // The last ones may still be on their way; what hasn't arrived within two seconds is lost.
    const all = async () => (await this.arrived()) >= sent
    await until(all, 'the last datagrams', 2_000).catch(() => undefined)
    return { sent, lost: sent - (await this.arrived()), rate: Math.round(sent / seconds) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop()
  }
}

/** Datagrams for ports that nobody has, since the host was made. */
async function unclaimed(host: Host): Promise<number> {
  return Number(/^Udp6NoPorts\s+(\d+)/m.exec(await host.run('cat', '/proc/net/snmp6'))?.[1])
}
