import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allNodes, type Ip6, parseIp6, unspecified } from '../../../appliance/base/ip6.ts'
import { Advertiser } from '../../../appliance/ndp/advertiser.ts'

const host = (n: number) => parseIp6(`fe80::${n.toString(16)}`)
const interval = { min: 200, max: 600 }

interface Sent {
  readonly at: number
  readonly to: Ip6
}

/** Runs the machine as its owner would: at every event and whenever it asked to be woken, to `end` milliseconds. */
function run(
  advertiser: Advertiser,
  end: number,
  events: readonly { readonly at: number; act(now: number): void }[] = [],
): Sent[] {
  const sent: Sent[] = []
  const queue = events.toSorted((a, b) => a.at - b.at)
  for (;;) {
    const now = Math.min(advertiser.wakeAt, queue[0]?.at ?? Number.POSITIVE_INFINITY)
    if (now > end) return sent
    while (queue[0] && queue[0].at <= now) queue.shift()!.act(now)
    for (const to of advertiser.due(now)) sent.push({ at: now, to })
  }
}

const started = (random = () => 0.5) => {
  const advertiser = new Advertiser(interval, random)
  advertiser.announce(0)
  return advertiser
}
const solicit = (advertiser: Advertiser, at: number, source: Ip6) => ({
  at,
  act: (now: number) => advertiser.solicited(source, now),
})

test('A09 three quick ones at the start, the first at once, then the interval', () => {
  expect(run(started(), 1_000_000)).toEqual(
    [0, 16_000, 32_000, 432_000, 832_000].map(at => ({ at, to: allNodes })), // 400 s is the middle of 200 to 600
  )
})

test('A08 the interval is drawn from all of it', () => {
  expect(
    run(
      started(() => 0),
      300_000,
    ).at(-1)!.at,
  ).toBe(232_000)
  expect(
    run(
      started(() => 1 - 1e-9),
      700_000,
    ).at(-1)!.at,
  ).toBeCloseTo(632_000, 0)
})

test('A18 news is told at once and twice more, and then the interval goes on', () => {
  const advertiser = started()
  const news = { at: 100_000, act: (now: number) => advertiser.announce(now) }
  expect(run(advertiser, 600_000, [news]).map(({ at }) => at)).toEqual([
    0, 16_000, 32_000, 100_000, 116_000, 132_000, 532_000,
  ])
})

test('A10 news right after an advertisement waits for the 3 s to pass', () => {
  const advertiser = started()
  const news = { at: 1_000, act: (now: number) => advertiser.announce(now) }
  expect(run(advertiser, 40_000, [news]).map(({ at }) => at)).toEqual([0, 3_000, 19_000, 35_000])
})

test('a shorter interval counts at once', () => {
  const advertiser = started()
  const faster = { at: 100_000, act: (now: number) => advertiser.pace({ min: 4, max: 8 }, now) }
  expect(run(advertiser, 113_000, [faster]).map(({ at }) => at)).toEqual([0, 16_000, 32_000, 106_000, 112_000])
})

describe('solicitations', () => {
  test('A11 A12 are answered to the solicitor alone, after a random delay up to 500 ms', () => {
    const advertiser = started()
    const sent = run(advertiser, 60_000, [solicit(advertiser, 40_000, host(1)), solicit(advertiser, 40_100, host(2))])
    expect(sent.slice(3)).toEqual([
      { at: 40_250, to: host(1) },
      { at: 40_350, to: host(2) },
    ])
  })

  test('A11 repeated within the delay are answered once', () => {
    const advertiser = started()
    const events = [0, 10, 20, 200].map(after => solicit(advertiser, 40_000 + after, host(1)))
    expect(run(advertiser, 60_000, events).slice(3)).toEqual([{ at: 40_250, to: host(1) }])
  })

  test('A13 shortly before a multicast advertisement are answered by that', () => {
    const advertiser = started()
    expect(run(advertiser, 20_000, [solicit(advertiser, 15_900, host(1))])).toEqual([
      { at: 0, to: allNodes },
      { at: 16_000, to: allNodes },
    ])
  })

  test('A14 from the unspecified address are answered by multicast', () => {
    const advertiser = started()
    const sent = run(advertiser, 60_000, [solicit(advertiser, 40_000, unspecified)])
    expect(sent.slice(3)).toEqual([{ at: 40_250, to: allNodes }])
  })

  test('A14 from a global address are answered by multicast: it may be on another link', () => {
    const advertiser = started()
    const sent = run(advertiser, 60_000, [solicit(advertiser, 40_000, parseIp6('2001:db8::1'))])
    expect(sent.slice(3)).toEqual([{ at: 40_250, to: allNodes }])
  })

  test('A10 A14 from the unspecified address, again and again, are answered every 3 s at most', () => {
    const advertiser = started()
    const events = Array.from({ length: 100 }, (_, i) => solicit(advertiser, 40_000 + i * 100, unspecified))
    const sent = run(advertiser, 60_000, events).slice(3)
    expect(sent.map(({ at }) => at)).toEqual([40_250, 43_500, 46_750, 50_000])
  })

  test('of a crowd are answered by one multicast advertisement', () => {
    const advertiser = started()
    const events = Array.from({ length: 5000 }, (_, i) => solicit(advertiser, 40_000, host(i + 1)))
    expect(run(advertiser, 60_000, events).slice(3)).toEqual([{ at: 40_250, to: allNodes }])
  })

  test('before the start are not answered', () => {
    const advertiser = new Advertiser(interval, () => 0.5)
    expect(advertiser.wakeAt).toBe(Number.POSITIVE_INFINITY)
    expect(advertiser.due(1e9)).toEqual([])
  })
})

test('A08 A10 A11 hold whatever happens', () => {
  const event = fc.record({
    at: fc.integer({ min: 0, max: 3_000_000 }),
    kind: fc.constantFrom('announce', 'solicit', 'nobody'),
    host: fc.integer({ min: 1, max: 100 }),
  })
  const dice = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), dice, (events, numbers) => {
      let at = 0
      const advertiser = started(() => numbers[at++ % numbers.length]!)
      const acts = events.map(({ at, kind, host: n }) => ({
        at,
        act: (now: number) => {
          if (kind === 'announce') advertiser.announce(now)
          else advertiser.solicited(kind === 'nobody' ? unspecified : host(n), now)
        },
      }))
      const sent = run(advertiser, 4_000_000, acts)
      const multicast = sent.filter(({ to }) => to === allNodes).map(({ at }) => at)
      for (let i = 1; i < multicast.length; i++) {
        const gap = multicast[i]! - multicast[i - 1]!
        expect(gap).toBeGreaterThanOrEqual(3_000 - 1e-6)
        expect(gap).toBeLessThanOrEqual(600_000 + 1e-6) // instants are sums of floats
      }
      for (const { at, kind, host: n } of events) {
        if (kind !== 'solicit') continue
        const answer = sent.find(each => each.at >= at && (each.to === host(n) || each.to === allNodes))
        // Half a second; with a crowd or a multicast one just sent, up to the 3 s between two of those as well.
        expect(answer!.at - at).toBeLessThanOrEqual(3_500)
      }
    }),
    { numRuns: 200 },
  )
})
