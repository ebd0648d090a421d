import { expect } from 'vitest'
import type { Host } from './host.ts'

/** Runs our own client (dhcp-client.ts) on a host. */
export const client = (host: Host, ...args: readonly string[]) =>
  host.spawn([process.execPath, new URL('dhcp-client.ts', import.meta.url).pathname, ...args])

/** What our client was told by one exchange. */
export async function ask(host: Host, duid: string, iaid = 1): Promise<string> {
  await using program = client(host, 'ask', duid, String(iaid))
  await program.exited
  const { addresses } = JSON.parse(program.lines.at(-1)!) as { addresses: string[] }
  expect(addresses.length).toBe(1)
  return addresses[0]!
}
