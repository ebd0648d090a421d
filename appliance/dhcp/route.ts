import { DecodeError, fromHex, toHex } from '../base/bytes.ts'
import { formatIp6, type Ip6, parseIp6 } from '../base/ip6.ts'
import type { Hop } from './relay-message.ts'

/** Where a message came in besides our own link, and how its answer goes back. */
export interface Route {
  readonly relay: Ip6 // the relay nearest to us
  readonly port: number // that it sent from
  readonly hops: readonly Hop[]
}

/** The route as a text to keep. */
export function formatRoute({ relay, port, hops }: Route): string {
  return JSON.stringify({
    relay: formatIp6(relay),
    port,
    hops: hops.map(({ hopCount, linkAddress, peerAddress, options }) => ({
      hopCount,
      link: formatIp6(linkAddress),
      peer: formatIp6(peerAddress),
      options: options.map(({ code, bytes }) => [code, toHex(bytes)]),
    })),
  })
}

interface Text {
  readonly relay: string
  readonly port: number
  readonly hops: readonly {
    readonly hopCount: number
    readonly link: string
    readonly peer: string
    readonly options: readonly (readonly [number, string])[]
  }[]
}

/** The route from the text of `formatRoute`; undefined where it is not one. */
export function parseRoute(text: string): Route | undefined {
  try {
    const { relay, port, hops } = JSON.parse(text) as Text
    return {
      relay: parseIp6(relay),
      port,
      hops: hops.map(({ hopCount, link, peer, options }) => ({
        hopCount,
        linkAddress: parseIp6(link),
        peerAddress: parseIp6(peer),
        options: options.map(([code, bytes]) => ({ code, bytes: fromHex(bytes) })),
      })),
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof DecodeError) return undefined
    throw error
  }
}
