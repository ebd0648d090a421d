import { type Bindings, isLive } from './binding.ts'

/** What a full lease table means for new hosts, as clauses; none while there is room. */
export function fullness(bindings: Bindings, now: number, link: string): string[] {
  const room = bindings.room(now)
  if (room.kind === 'full') return [`the lease table is full: new hosts on ${link} get no address until leases expire`]
  if (room.kind !== 'reclaim' || !isLive(room.binding, now)) return []
  const who = room.binding.mac ?? 'hosts that hide their MAC'
  return [`the lease table is full: leases of ${who}, which has taken hundreds, are given up for other hosts`]
}
