import { type NodeAddress, parseNodeAddress } from './sixplane.ts'

/**
 * The node that a ZeroTier identity names, public or secret: `<address>:<type>:<public key>[:<secret key>]`, one line. Undefined
 * where the text is none. Only the address is looked at, and nothing of the text is kept or quoted: it may hold a secret key.
 */
export function nodeOfIdentity(text: string): NodeAddress | undefined {
  const address = /^([0-9a-f]{10}):\d:[0-9a-z]+(:[0-9a-z]+)?$/i.exec(text.trim())?.[1]
  if (address === undefined) return undefined
  try {
    return parseNodeAddress(address)
  } catch {
    return undefined // an address that nobody can have
  }
}
