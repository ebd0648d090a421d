import type { Clock } from '../base/clock.ts'

/** A moment of the monotonic clock as wall time. */
export function wallTime(monotonic: number, clock: Clock): string {
  return new Date(clock.now() - (clock.monotonic() - monotonic)).toISOString()
}

/** The same counters of several, together. */
export function sumOf(all: readonly Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const each of all) for (const [name, count] of Object.entries(each)) sum[name] = (sum[name] ?? 0) + count
  return sum
}

/** The numbers among some counters, each name behind the prefix. */
export function numbers(counters: object | undefined, prefix = ''): Record<string, number> {
  const entries = Object.entries(counters ?? {}).filter(([, value]) => typeof value === 'number')
  return Object.fromEntries(entries.map(([name, value]) => [`${prefix}${name}`, value as number]))
}
