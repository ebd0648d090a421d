/** From the syntax tree of a YAML document to plain values, with the place of each in the text. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml'

/** Offsets into the text: of the key (of the item, in a list) and of its value. */
export interface Place {
  readonly key: number
  readonly value: number
  readonly empty: boolean // the key stands there with nothing after it
}

export interface Read {
  readonly value: unknown
  readonly places: ReadonlyMap<string, Place> // by showPath
  readonly dangling: readonly {
    readonly path: readonly PropertyKey[]
    readonly offset: number
    readonly name: string
  }[] // aliases of nothing
  readonly repeated: readonly {
    readonly path: readonly PropertyKey[]
    readonly offset: number
    readonly first: number
  }[]
}

/**
 * What is text in the schema. YAML takes an unquoted `1e10000000000000` for Infinity and drops the zeros before a number, so
 * these are read as they were written. A test compares the list with the schema.
 */
export const textFields: ReadonlySet<string> = new Set([
  'overlay.name',
  'overlay.network',
  'overlay.node',
  'overlay.interface',
  'overlay.home',
  'overlays[].name',
  'overlays[].network',
  'overlays[].node',
  'overlays[].interface',
  'overlays[].home',
  'lan[].interface',
  'lan[].overlays[]',
  'lan[].delegate.prefix',
  'lan[].relay.address',
  'lan[].relay.sources[]',
  'lan[].relay.linkAddresses[]',
  'lan[].reservations[].duid',
  'lan[].reservations[].hwAddress',
  'lan[].reservations[].hostname',
  'lan[].reservations[].ipAddresses[]',
  'lan[].reservations[].prefixes[]',
  'lan[].reservations[].dns.servers[]',
  'lan[].reservations[].dns.search[]',
  'lan[].reservations[].ntp.servers[]',
  'lan[].reservations[].options[].name',
  'lan[].reservations[].options[].data',
  'lan[].reservations[].options[].data[]',
  'lan[].dns.servers[]',
  'lan[].dns.search[]',
  'lan[].ntp.servers[]',
  'lan[].ipv4.address',
  'lan[].ipv4.pool',
  'lan[].ipv4.routers[]',
  'lan[].ipv4.dns.servers[]',
  'lan[].ipv4.dns.search[]',
  'lan[].ipv4.reservations[].clientId',
  'lan[].ipv4.reservations[].hwAddress',
  'lan[].ipv4.reservations[].hostname',
  'lan[].ipv4.reservations[].ipAddress',
  'lan[].dhcpv6.options[].name',
  'lan[].dhcpv6.leasequery.requesters[]',
  'lan[].dhcpv6.options[].data',
  'lan[].dhcpv6.options[].data[]',
  'http.listen',
  'http.socket',
  'stateDirectory',
])

/** `lan[1].dns.servers[0]`. */
export function showPath(path: readonly PropertyKey[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`)).join('')
}

const deepest = 16 // levels; the schema has five, and an alias may stand inside what it names
const mostNodes = 10_000 // aliases of aliases multiply

/** Keys without a value are left out, so that they get their defaults. */
export function read(document: Document.Parsed): Read {
  const places = new Map<string, Place>()
  const repeated: { path: readonly PropertyKey[]; offset: number; first: number }[] = []
  const dangling: { path: readonly PropertyKey[]; offset: number; name: string }[] = []
  let nodes = 0

  function visit(given: unknown, path: readonly PropertyKey[]): unknown {
    if (path.length > deepest || ++nodes > mostNodes) return undefined
    const node = isAlias(given) ? given.resolve(document) : given
    if (isAlias(given) && !node) dangling.push({ path, offset: offsetOf(given), name: given.source })
    if (isMap(node)) return visitMap(node, path)
    if (isSeq(node)) {
      return node.items.map((item, i) => {
        const inner = [...path, i]
        const at = offsetOf(item)
        places.set(showPath(inner), { key: at, value: at, empty: false })
        return visit(item, inner)
      })
    }
    if (!isScalar(node)) return undefined
    const asText = typeof node.value === 'string' || node.value === null || node.source === undefined
    return !asText && textFields.has(showPath(path).replace(/\[\d+\]/g, '[]')) ? node.source : node.value
  }

  function visitMap(node: ReturnType<typeof mapOf>, path: readonly PropertyKey[]): Record<string, unknown> {
    const entries: [string, unknown][] = []
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.source ?? pair.key.value) : String(pair.key)
      const inner = [...path, key]
      const offset = offsetOf(pair.key)
      const before = places.get(showPath(inner))
      if (before && entries.some(([name]) => name === key)) {
        repeated.push({ path: inner, offset, first: before.key })
        continue
      }
      const empty = pair.value === null || (isScalar(pair.value) && pair.value.value === null)
      places.set(showPath(inner), { key: offset, value: empty ? offset : offsetOf(pair.value), empty })
      entries.push([key, empty ? undefined : visit(pair.value, inner)])
    }
    return Object.fromEntries(entries)
  }

  places.set('', { key: 0, value: 0, empty: false })
  return { value: visit(document.contents, []), places, dangling, repeated }
}

function offsetOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0
}

function mapOf(node: unknown) {
  if (!isMap(node)) throw new TypeError('not a mapping')
  return node
}
