import type { Reader, Writer } from '../../base/bytes.ts'

/** Both directions of one option. The code and the length before the body are the table's business. */
export interface OptionCodec<Value> {
  readonly code: number
  encode(option: Value, out: Writer): void
  /** Must read the body to its end, where the option ends. `depth` counts the options around it. Throws a DecodeError. */
  decode(body: Reader, depth: number): Value
  /** Only told, never decided on: one that can't be read is carried as it came, and its host gets an address all the same. */
  readonly lenient?: true
}

/** How options inside an option are read and written: the table again. */
export interface Nested<Inner> {
  encode(options: readonly Inner[], out: Writer): void
  decode(body: Reader, depth: number): Inner[]
}
