import type { Ip6 } from '../base/ip6.ts'
import type { Duid } from './duid.ts'

/** Something on the LAN that is not as it should be, and the host that it is known from. */
export interface News {
  readonly kind: keyof typeof sentences
  readonly duid: Duid
  readonly address: Ip6
}

export const sentences = {
  declined: 'a host found an address in use by another host',
  probed: 'a probe found an address in use by another host',
  registeredByAnother: 'a host registered an address that another one had registered',
} as const
