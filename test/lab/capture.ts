import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from './host.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

/** What passes a link, as lines of tcpdump. */
export class Capture implements AsyncDisposable {
  readonly #program: Program

  private constructor(program: Program) {
    this.#program = program
  }

  /** Resolves when tcpdump listens: what is sent after that is seen. */
  static async start(host: Host, link: string, filter = '', { octets = false } = {}): Promise<Capture> {
    // Debian's AppArmor profile confines tcpdump by its path: a copy reads and writes where the lab is.
    const binary = join(host.folder, 'tcpdump')
    copyFileSync('/usr/bin/tcpdump', binary)
    const argv = [
      binary,
      '-Z',
      'root',
      '-i',
      link,
      '-n',
      '-e',
      '-l',
      '--immediate-mode',
      '-t',
      octets ? '-xx' : '-vv',
      filter,
    ]
    const program = host.spawn(argv)
    await program.says(/listening on/)
    return new Capture(program)
  }

  /** One line a packet, headers first: `02:… > 33:33:…, ethertype IPv6 …`. */
  get packets(): string[] {
    return this.#program.output
      .replace(/\n[\t ]+/g, ' ')
      .split('\n')
      .filter(line => /ethertype/.test(line))
  }

  /** With `octets`: the frames whole, VLAN tags included, as hex. */
  get frames(): string[] {
    const frames = this.#program.output.split(/^(?=\S)/m) // a line of words, then indented lines of octets
    return frames.map(frame =>
      [...frame.matchAll(/^\s+0x[0-9a-f]+: +(.*)$/gm)].map(([, row]) => row!.replaceAll(' ', '')).join(''),
    )
  }

  /** Waits for a packet whose line matches. */
  sees(pattern: RegExp, timeout = 30_000): Promise<string> {
    return until(() => this.packets.find(line => pattern.test(line)), `a packet like ${pattern}`, timeout)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop()
  }
}
