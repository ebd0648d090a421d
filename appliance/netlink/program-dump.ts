import { RtType } from './codec.ts'
import type { Hook, Point, Program, ProgramSource } from './kernel.ts'
import { decodeFilter, decodeHook, encodeFilterDump, encodeHookDump } from './program-message.ts'
import type { RequestSocket } from './transport.ts'

const points: readonly Point[] = ['ingress', 'egress']

/** The classifiers of ours on all links, and the hooks that could carry them. Throws a KernelError. */
export async function dumpPrograms(
  requests: RequestSocket,
  source: ProgramSource,
): Promise<{ readonly programs: Program[]; readonly hooks: Hook[] }> {
  const disciplines = await requests.dump(RtType.GETQDISC, encodeHookDump(), { op: 'dump', target: 'disciplines' })
  const programs: Program[] = []
  const hooks: Hook[] = []
  for (const link of disciplines.flatMap(({ data }) => decodeHook(data) ?? [])) {
    let shared = false
    for (const point of points) {
      const purpose = { op: 'dump', target: `classifiers of link ${link}` }
      const filters = await requests.dump(RtType.GETTFILTER, encodeFilterDump(link, point), purpose)
      for (const filter of filters.flatMap(({ data }) => decodeFilter(data) ?? [])) {
        if (!filter.ours) shared = true
        else programs.push({ link, point, code: filter.id === undefined ? undefined : source.codeOf(filter.id) })
      }
    }
    hooks.push({ link, shared })
  }
  return { programs, hooks }
}
