/** A classic BPF program, so that a busy link wakes a responder only for what it may have to answer. */
import { mask, type Prefix } from '../base/ip6.ts'

/** One instruction, as struct sock_filter has it. */
export interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

const loadByte = 0x30 // BPF_LD | BPF_B | BPF_ABS
const loadWord = 0x20 // BPF_LD | BPF_W | BPF_ABS
const and = 0x54 // BPF_ALU | BPF_AND | BPF_K
const jumpEqual = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
const answer = 0x06 // BPF_RET | BPF_K

// Octets from the start of an Ethernet frame.
const nextHeaderAt = 20
const hopLimitAt = 21
const typeAt = 54
const targetAt = 62

const icmp6 = 58
const hopLimit = 255
const neighbourSolicitation = 135
const wholeFrame = 0x40000

/** Passes IPv6 frames with a neighbour solicitation for a target in `prefix`. RFC 4861 section 4.3. */
export function solicitationFilter({ address, length }: Prefix): Instruction[] {
  const checks: Instruction[][] = [
    [load(loadByte, nextHeaderAt), unlessEqual(icmp6)],
    [load(loadByte, hopLimitAt), unlessEqual(hopLimit)],
    [load(loadByte, typeAt), unlessEqual(neighbourSolicitation)],
  ]
  for (let word = 0; word * 32 < length; word++) {
    const bits = wordOf(mask(length), word)
    const step = [load(loadWord, targetAt + word * 4)]
    if (bits !== 0xffff_ffff) step.push({ code: and, jt: 0, jf: 0, k: bits })
    checks.push([...step, unlessEqual(wordOf(address, word))])
  }
  const program = checks.flat()
  const refusal = program.length + 1
  return [
    // Every comparison that fails jumps to the last instruction; offsets count from the instruction after the jump.
    ...program.map((each, at) => (each.code === jumpEqual ? { ...each, jf: refusal - at - 1 } : each)),
    { code: answer, jt: 0, jf: 0, k: wholeFrame },
    { code: answer, jt: 0, jf: 0, k: 0 },
  ]
}

const load = (code: number, at: number): Instruction => ({ code, jt: 0, jf: 0, k: at })
const unlessEqual = (k: number): Instruction => ({ code: jumpEqual, jt: 0, jf: 0, k })
const wordOf = (value: bigint, word: number): number => Number((value >> BigInt(96 - 32 * word)) & 0xffff_ffffn)
