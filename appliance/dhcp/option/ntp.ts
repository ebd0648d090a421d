import { DecodeError } from '../../base/bytes.ts'
import { decodeName, encodeName } from '../../base/domain-name.ts'
import { bytesOf, fromBytes, type Ip6, isMulticast } from '../../base/ip6.ts'
import { readAddresses, writeAddresses } from './addresses.ts'
import type { OptionCodec } from './codec.ts'

/** One source of time: a server's address, a multicast group that it speaks to, or its name. RFC 5908 section 4. */
export interface NtpServer {
  readonly kind: 'ntp-server'
  readonly source: Ip6 | string
}

/** Servers of simple NTP, for clients older than the other option. RFC 4075 section 4. */
export interface SntpServers {
  readonly kind: 'sntp-servers'
  readonly servers: readonly Ip6[]
}

const suboption = { server: 1, multicast: 2, name: 3 } as const // RFC 5908 section 4.1, 4.2, 4.3

export const ntpServer: OptionCodec<NtpServer> = {
  code: 56,
  lenient: true,

  encode({ source }, out) {
    if (typeof source === 'string') out.u16(suboption.name).sized16(body => encodeName(source, body))
    else
      out.u16(isMulticast(source) ? suboption.multicast : suboption.server).sized16(body => body.bytes(bytesOf(source)))
  },

  decode(body) {
    const code = body.u16()
    const content = body.sub(body.u16())
    const source = code === suboption.name ? wholeName(content) : fromBytes(content.bytes(16))
    const fits = typeof source === 'string' || code === (isMulticast(source) ? suboption.multicast : suboption.server)
    if (!fits || content.left > 0) throw new DecodeError(`a source of time of kind ${code} that is none`)
    return { kind: 'ntp-server', source }
  },
}

function wholeName(body: Parameters<typeof decodeName>[0]): string {
  const { name, partial } = decodeName(body)
  if (partial) throw new DecodeError(`the name ${name} without its end`)
  return name
}

export const sntpServers: OptionCodec<SntpServers> = {
  code: 31,
  lenient: true,
  encode: ({ servers }, out) => writeAddresses(servers, out),
  decode: body => ({ kind: 'sntp-servers', servers: readAddresses(body) }),
}
