/** Which address a host gets: the same one as ever where that is free, from what it calls itself and a secret. */
import { createHmac } from 'node:crypto'
import type { Ip4 } from '../base/ip4.ts'

const attempts = 16 // draws before the pool is looked through; each free address is as likely as another

/** An address from `first` to `last` that `isFree` lets through, or undefined where none is. */
export function allocate4(
  client: string,
  secret: Uint8Array,
  { first, last }: { readonly first: Ip4; readonly last: Ip4 },
  isFree: (address: Ip4) => boolean,
): Ip4 | undefined {
  const size = last - first + 1
  const draw = (counter: number) =>
    createHmac('sha256', secret).update(`DHCPv4 ${counter} ${client}`).digest().readUInt32BE(0) % size
  for (let counter = 0; counter < attempts; counter++) {
    const address = (first + draw(counter)) as Ip4
    if (isFree(address)) return address
  }
  const start = draw(0)
  for (let i = 0; i < size; i++) {
    const address = (first + ((start + i) % size)) as Ip4
    if (isFree(address)) return address
  }
  return undefined
}
