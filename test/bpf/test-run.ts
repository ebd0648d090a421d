/** BPF_PROG_TEST_RUN: a program runs on a frame in the kernel, without a wire. */
import koffi from 'koffi'

const library = koffi.load('libbpf.so.1')
const run = library.func('int bpf_prog_test_run_opts(int fd, void *options)') as (
  fd: number,
  options: Uint8Array,
) => number

export const verdict = { next: 0xffff_ffff, drop: 2, redirect: 7 } as const // TC_ACT_UNSPEC, TC_ACT_SHOT, TC_ACT_REDIRECT

export interface Outcome {
  readonly verdict: number
  readonly frame: Uint8Array
  readonly nanoseconds: number // of one run, the mean of `repeat`
}

/** struct bpf_test_run_opts: sz 0, data_in 8, data_out 16, sizes 24 and 28, retval 56, repeat 60, duration 64. */
const size = 80

/** Runs the program on a frame `repeat` times; with more than one the frame goes in as the last run left it. */
export function testRun(fd: number, frame: Uint8Array, repeat = 1): Outcome {
  const input = frame.slice()
  const output = new Uint8Array(input.length + 512)
  const options = new DataView(new ArrayBuffer(size))
  options.setBigUint64(0, BigInt(size), true)
  options.setBigUint64(8, BigInt(koffi.address(input)), true)
  options.setBigUint64(16, BigInt(koffi.address(output)), true)
  options.setUint32(24, input.length, true)
  options.setUint32(28, output.length, true)
  options.setInt32(60, repeat, true)
  const result = run(fd, new Uint8Array(options.buffer))
  if (result < 0) throw new Error(`the kernel ran no program: errno ${-result}`)
  return {
    verdict: options.getUint32(56, true),
    frame: output.slice(0, options.getUint32(28, true)),
    nanoseconds: options.getUint32(64, true),
  }
}
