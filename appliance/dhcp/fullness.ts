import { type Bindings, isLive } from './binding.ts'

/** What a full lease table means for new hosts, as clauses; none while there is room. */
export function fullness(bindings: Bindings, now: number, link: string): string[] {
  const until = `on ${link} get no address until leases expire`
  const room = bindings.room(now)
  if (room.kind === 'full') return [`the lease table is full: new hosts ${until}`]
  if (room.kind !== 'reclaim')
    return bindings.room(now, 0, new Set(), true).kind === 'full'
      ? [`the lease table has no room for more copied hosts and DUIDs of more than 20 octets: new ones ${until}`]
      : []
  if (!isLive(room.binding, now)) return []
  const who = room.binding.mac ?? 'hosts that hide their MAC'
  return [`the lease table is full: leases of ${who}, which has taken hundreds, are given up for other hosts`]
}
