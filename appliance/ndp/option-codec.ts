import type { Reader, Writer } from '../base/bytes.ts'

/** Both directions of one option. The type and length octets before the body are the table's business. */
export interface OptionCodec<Value> {
  readonly type: number
  /** Writes the body: with the two octets before it a multiple of 8. */
  encode(value: Value, out: Writer): void
  /** `body` ends where the option ends. Undefined: ignore this option and keep the message. Throws a DecodeError. */
  decode(body: Reader): Value | undefined
}
