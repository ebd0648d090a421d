import { expect, test } from 'vitest'
import { Client, type ClientName } from '../lab/client.ts'
import { TwoSites } from '../lab/sites.ts'
import { until } from '../lab/until.ts'

const rounds = 5
const names: readonly ClientName[] = ['dhclient', 'dhcpcd', 'networkd']

/** Seconds since 1970, as tcpdump -tt prints them. */
const moment = (line: string) => Number(line.split(' ')[0])

/** Milliseconds from a host's first question to the first answer after it; 0 where it was not asked. */
function answered(lines: readonly string[], router: string, question: RegExp, answer: RegExp): number {
  const asked = lines.find(line => question.test(line) && !line.includes(`IP6 ${router}`)) // the router asks for others too
  if (asked === undefined) return 0
  const reply = lines.find(line => answer.test(line) && moment(line) >= moment(asked))
  if (reply === undefined) throw new Error(`nobody answered: ${asked}`)
  return (moment(reply) - moment(asked)) * 1000
}

/** From the moment a host's cable goes in to its first answered ping across the sites, and what of it was waiting for us. */
async function measure(client: ClientName): Promise<{ whole: number; dhcp: number; ra: number }> {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using daemonA = a.start()
  await using daemonB = b.start()
  await Promise.all([daemonA.serving(), daemonB.serving()])
  const [host] = a.hosts
  const filter = 'icmp6 or port 546 or port 547'
  const capture = a.router.spawn(['tcpdump', '-Z', 'root', '-i', 'lan0', '-n', '-l', '--immediate-mode', '-tt', filter])
  await capture.says(/listening on/)
  const began = performance.now()
  await using _client = new Client(host, client)
  await until(() => host.globalAddress('eth0', a.addressStart), 'an address', 20_000)
  await host.reaches(b.address)
  const whole = performance.now() - began
  await capture.stop()
  const router = await a.router.linkLocal('lan0')
  const waited = (question: RegExp, answer: RegExp) => answered(capture.lines, router, question, answer)
  const ra = waited(/router solicitation/, /router advertisement/)
  const offer = waited(/dhcp6 solicit/, /dhcp6 (advertise|reply)/)
  const lease = waited(/dhcp6 request/, /dhcp6 reply/)
  return { whole, dhcp: offer + lease, ra }
}

const median = (values: readonly number[]) => values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)]!

// Decides nothing yet: it says where a new host's seconds go. The wait for an advertisement is the random half second that
// RFC 4861 section 6.2.6 asks for; the rest is the host's: duplicate address detection and its own random delays.
test('from cable-in to a ping across sites', async () => {
  for (const client of names) {
    const results: Awaited<ReturnType<typeof measure>>[] = []
    for (let round = 0; round < rounds; round++) results.push(await measure(client))
    const of = (pick: (result: (typeof results)[number]) => number) => median(results.map(pick))
    const seconds = (of(({ whole }) => whole) / 1000).toFixed(2)
    const advertisement = of(({ ra }) => ra).toFixed(0)
    const answers = of(({ dhcp }) => dhcp).toFixed(1)
    console.log(
      `${client}: ${seconds} s; of which RA ${advertisement} ms after its solicitation, DHCPv6 answers ${answers} ms`,
    )
    expect(results).toHaveLength(rounds)
  }
})
