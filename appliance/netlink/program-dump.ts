import { RtType } from './codec.ts'
import type { DirectHook, Hook, Link, Point, Program } from './kernel.ts'
import { decodeFilter, decodeHook, encodeFilterDump, encodeHookDump } from './program-message.ts'
import type { RequestSocket } from './transport.ts'

const points: readonly Point[] = ['ingress', 'egress']

/** The programs on all links, and the hooks that carry classifiers. Throws a KernelError. */
export async function dumpPrograms(
  requests: RequestSocket,
  links: readonly Link[],
  direct: DirectHook | undefined,
): Promise<{ readonly programs: Program[]; readonly hooks: Hook[] }> {
  const disciplines = await requests.dump(RtType.GETQDISC, encodeHookDump(), { op: 'dump', target: 'disciplines' })
  const programs = direct ? links.flatMap(({ index }) => listDirect(index, direct)) : []
  const hooks: Hook[] = []
  for (const link of disciplines.flatMap(({ data }) => decodeHook(data) ?? [])) {
    let shared = false
    for (const point of points) {
      const purpose = { op: 'dump', target: `classifiers of link ${link}` }
      const filters = await requests.dump(RtType.GETTFILTER, encodeFilterDump(link, point), purpose)
      for (const filter of filters.flatMap(({ data }) => decodeFilter(data) ?? [])) {
        if (!filter.ours) shared = true
        else programs.push({ link, point, way: 'clsact', id: filter.id ?? 0, slot: filter.slot })
      }
    }
    hooks.push({ link, shared })
  }
  return { programs, hooks }
}

/** The programs that stand directly on a link, whoever put them there. Throws a KernelError. */
export function listDirect(link: number, direct: DirectHook): Program[] {
  return points.flatMap(point =>
    direct.list(link, point).map(id => ({ link, point, way: 'direct' as const, id, slot: 0 })),
  )
}
