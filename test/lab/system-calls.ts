/** What strace wrote with -f and -y, in the order in which it happened. */

/**
 * `synced` where a sync of the file whose path ends like that succeeded, and the names of the calls that match where they began, each
 * pattern on a line without the thread.
 */
export function callsOf(trace: string, file: string, calls: Readonly<Record<string, RegExp>>): string[] {
  const syncing = new Set<string>() // threads
  return trace.split('\n').flatMap(line => {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    for (const [name, pattern] of Object.entries(calls)) if (pattern.test(rest)) return name
    if (rest.startsWith('fdatasync(') && rest.includes(`${file}>`)) syncing.add(thread)
    if (!/fdatasync.*\) += 0$/.test(rest) || !syncing.delete(thread)) return []
    return 'synced'
  })
}
