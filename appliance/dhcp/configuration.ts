/** What the server tells hosts besides their addresses: the same for every host of a LAN. */
import { type Ip6, isMulticast } from '../base/ip6.ts'
import { findOption, type Option, optionCode } from './options.ts'
import { type OwnOption, ownOptions } from './own-option.ts'

/** An option that is sent to those who ask for its code, or to all. */
export interface Offer {
  readonly code: number
  readonly option: Option
  readonly always: boolean
}

/** What the operator says about it. */
export interface Settings {
  readonly dns: { readonly servers: readonly Ip6[]; readonly search: readonly string[] }
  readonly ntp: { readonly servers: readonly (Ip6 | string)[] }
  readonly options: readonly OwnOption[]
  readonly allowAddressRegistration?: boolean
}

const retryAtMost = 300 // seconds, our own: a host that lost us finds us again within five minutes instead of an hour

/** Limits of the client's retransmissions: not configuration, so that they alone are no reason to answer. */
const limits: readonly Offer[] = [
  { code: optionCode('sol-max-rt'), option: { kind: 'sol-max-rt', seconds: retryAtMost }, always: false },
  { code: optionCode('inf-max-rt'), option: { kind: 'inf-max-rt', seconds: retryAtMost }, always: false },
]

/** The offers of a LAN, what hosts need most first: a reply that would get too long loses the last ones. */
export function offersOf({ dns, ntp, options, allowAddressRegistration }: Settings): Offer[] {
  const offers: Offer[] = []
  const offer = (option: Option, always = false) =>
    offers.push({ code: option.kind === 'unknown' ? option.code : optionCode(option.kind), option, always })
  if (dns.servers.length > 0) offer({ kind: 'dns-servers', servers: dns.servers })
  if (dns.search.length > 0) offer({ kind: 'domain-list', names: dns.search })
  for (const source of ntp.servers) offer({ kind: 'ntp-server', source })
  const servers = ntp.servers.filter(source => typeof source !== 'string' && !isMulticast(source)) as Ip6[]
  if (servers.length > 0) offer({ kind: 'sntp-servers', servers })
  for (const own of options) for (const option of ownOptions(own)) offer(option, own.alwaysSend)
  if (allowAddressRegistration) offer({ kind: 'address-registration' })
  return offers
}

/** What a message that asks for these codes is told. RFC 9915 section 21.7. */
export function told(asked: readonly number[], offers: readonly Offer[]): Option[] {
  const options: Option[] = []
  for (const { code, option, always } of offers) if (always || asked.includes(code)) options.push(option)
  return options
}

/** The same with the limits of the client's retransmissions. */
export function configuration(message: { readonly options: readonly Option[] }, offers: readonly Offer[]): Option[] {
  const asked = askedCodes(message)
  return [...told(asked, limits), ...told(asked, offers)]
}

export function askedCodes({ options }: { readonly options: readonly Option[] }): readonly number[] {
  return findOption(options, 'option-request')?.codes ?? []
}
