import { registerCommands } from '../../../appliance/cli/commands.ts'
import { createProgram, runProgram } from '../../../appliance/cli/program.ts'

export const now = Date.parse('2026-11-24T03:12:00.000Z')

/** Runs one command line and resolves with what a shell would see. */
export async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const terminal = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
    color: false,
    env: {},
    now: () => now,
  }
  const program = createProgram('0.1.0', terminal)
  registerCommands(program, terminal)
  const status = await runProgram(program, args, terminal)
  return { status, out, err }
}
