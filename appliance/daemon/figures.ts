import type { Clock } from '../base/clock.ts'

/** A moment of the monotonic clock as wall time. */
export function wallTime(monotonic: number, clock: Clock): string {
  return new Date(clock.now() - (clock.monotonic() - monotonic)).toISOString()
}

/** The numbers among some counters, each name behind the prefix. */
export function numbers(counters: object | undefined, prefix = ''): Record<string, number> {
  const entries = Object.entries(counters ?? {}).filter(([, value]) => typeof value === 'number')
  return Object.fromEntries(entries.map(([name, value]) => [`${prefix}${name}`, value as number]))
}
