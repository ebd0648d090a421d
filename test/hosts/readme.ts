/** What README's table of hosts says, as it is to be typed. */
import { readFileSync } from 'node:fs'

/** The pieces of code in the row of that kind, with this for ROUTER. */
export function rowOf(kind: string, router = ''): string[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const row = readme.split('\n').find(line => line.startsWith(`| ${kind}`))
  if (row === undefined) throw new Error(`README has no row for ${kind}`)
  return [...row.split('|')[2]!.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll('ROUTER', router))
}
