/** Options of the operator's own: a code and typed values, as the configuration says them. */
import { Writer } from '../base/bytes.ts'
import { encodeName } from '../base/domain-name.ts'
import { bytesOf, type Ip6 } from '../base/ip6.ts'
import type { Option } from './options.ts'

/** What an option holds: values of one type, one after the other. `binary` is a whole body. */
export type OptionData =
  | { readonly type: 'uint8' | 'uint16' | 'uint32'; readonly values: readonly number[] }
  | { readonly type: 'boolean'; readonly values: readonly boolean[] }
  | { readonly type: 'ipv6-address'; readonly values: readonly Ip6[] }
  | { readonly type: 'string' | 'fqdn'; readonly values: readonly string[] }
  | { readonly type: 'binary'; readonly values: readonly Uint8Array[] }
  | { readonly type: 'ntp-server'; readonly values: readonly (Ip6 | string)[] }
  | { readonly type: 'empty'; readonly values: readonly [] }

export interface OwnOption {
  readonly code: number
  readonly data: OptionData
  readonly alwaysSend: boolean // asked for or not
}

/** The option on the wire: one, except that each source of time is one of its own. RFC 5908 section 4. */
export function ownOptions({ code, data }: OwnOption): Option[] {
  if (data.type === 'ntp-server') return data.values.map(source => ({ kind: 'ntp-server', source }))
  const out = new Writer()
  writeData(data, out)
  return [{ kind: 'unknown', code, bytes: out.take() }]
}

function writeData(data: Exclude<OptionData, { type: 'ntp-server' }>, out: Writer): void {
  switch (data.type) {
    case 'uint8':
      for (const value of data.values) out.u8(value)
      return
    case 'uint16':
      for (const value of data.values) out.u16(value)
      return
    case 'uint32':
      for (const value of data.values) out.u32(value)
      return
    case 'boolean':
      for (const value of data.values) out.u8(value ? 1 : 0)
      return
    case 'ipv6-address':
      for (const value of data.values) out.bytes(bytesOf(value))
      return
    case 'string':
      for (const value of data.values) out.bytes(new TextEncoder().encode(value))
      return
    case 'fqdn':
      for (const value of data.values) encodeName(value, out)
      return
    case 'binary':
      for (const value of data.values) out.bytes(value)
      return
    case 'empty':
      return
    default:
      data satisfies never
  }
}
