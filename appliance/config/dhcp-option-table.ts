/** The types of option data in the words of Kea. `binary` is a whole body, the others may come as a list. */
export const dataTypes = [
  'ipv6-address',
  'uint8',
  'uint16',
  'uint32',
  'boolean',
  'string',
  'fqdn',
  'binary',
  'empty',
] as const
export type DataType = (typeof dataTypes)[number]

/** Options whose type is known, by Kea's names: IANA's registry, as far as a server may send them. */
export const knownOptions: Readonly<Record<number, { readonly name: string; readonly type: DataType | 'ntp-server' }>> =
  {
    16: { name: 'vendor-class', type: 'binary' },
    17: { name: 'vendor-opts', type: 'binary' },
    21: { name: 'sip-server-dns', type: 'fqdn' },
    22: { name: 'sip-server-addr', type: 'ipv6-address' },
    27: { name: 'nis-servers', type: 'ipv6-address' },
    28: { name: 'nisp-servers', type: 'ipv6-address' },
    29: { name: 'nis-domain-name', type: 'fqdn' },
    30: { name: 'nisp-domain-name', type: 'fqdn' },
    31: { name: 'sntp-servers', type: 'ipv6-address' },
    33: { name: 'bcmcs-server-dns', type: 'fqdn' },
    34: { name: 'bcmcs-server-addr', type: 'ipv6-address' },
    36: { name: 'geoconf-civic', type: 'binary' },
    40: { name: 'pana-agent', type: 'ipv6-address' },
    41: { name: 'new-posix-timezone', type: 'string' },
    42: { name: 'new-tzdb-timezone', type: 'string' },
    56: { name: 'ntp-server', type: 'ntp-server' },
    59: { name: 'bootfile-url', type: 'string' },
    60: { name: 'bootfile-param', type: 'binary' },
    64: { name: 'aftr-name', type: 'fqdn' },
    65: { name: 'erp-local-domain-name', type: 'fqdn' },
    103: { name: 'v6-captive-portal', type: 'string' },
    143: { name: 'ipv6-address-andsf', type: 'ipv6-address' },
    144: { name: 'v6-dnr', type: 'binary' },
  }

/** The code of a known option. */
export function codeOf(name: string): number | undefined {
  const [code] = Object.entries(knownOptions).find(([, known]) => known.name === name) ?? []
  return code === undefined ? undefined : Number(code)
}

const protocol = [1, 2, 3, 5, 6, 8, 9, 11, 13, 14, 15, 18, 19, 20, 25, 26, 32, 37, 38, 39]
const machinery = [43, 44, 45, 46, 47, 48, 66, 67, 79, 82, 83, 135, 148]
const obsolete = [4, 10, 12] // RFC 9915 section 21.5, 21.12
const keys: Readonly<Record<number, string>> = { 7: 'dhcpv6.preference', 23: 'dns.servers', 24: 'dns.search' }

/** Why an option can't be the operator's, if so. */
export function refusal(code: number): string | undefined {
  if (keys[code] !== undefined) return `option ${code} is made of ${keys[code]}`
  if (obsolete.includes(code)) return `option ${code} is obsolete, and no host must be sent it`
  return [...protocol, ...machinery].includes(code) ? `option ${code} is one that siteplane makes itself` : undefined
}
