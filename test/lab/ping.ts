/** What one run of ping came to. */
export interface PingResult {
  readonly sent: number
  readonly received: number
  /** Round trips in milliseconds, in the order of their answers. */
  readonly times: readonly number[]
  /** What routers and the kernel complained about, such as `Destination unreachable: No route`. */
  readonly complaints: readonly string[]
}

/** Reads what iputils' ping printed. */
export function parsePing(output: string): PingResult {
  const totals = /(\d+) packets transmitted, (\d+) received/.exec(output)
  const times = [...output.matchAll(/bytes from .* time=([\d.]+) ms/g)].map(match => Number(match[1]))
  const complaints = [...output.matchAll(/^(?:From \S+ icmp_seq=\d+ |ping: )(.+)$/gm)].map(match => match[1]!)
  return { sent: Number(totals?.[1] ?? 0), received: Number(totals?.[2] ?? 0), times, complaints }
}
