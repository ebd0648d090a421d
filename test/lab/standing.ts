/** Prints how many programs stand on links of this namespace, one line each: `node standing.ts LINK…`. Debian 12's tc and bpftool know no TCX. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hasTcx, tcxList } from '../../appliance/system/tcx.ts'

for (const link of process.argv.slice(2)) {
  const index = Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'))
  for (const point of ['ingress', 'egress'] as const) {
    const direct = hasTcx() ? tcxList(index, point) : []
    const classifiers = execFileSync('tc', ['filter', 'show', 'dev', link, point], { encoding: 'utf8' })
    const ids = [...classifiers.matchAll(/ siteplane direct-action .*\bid (\d+)/g)].map(([, id]) => Number(id))
    console.log(`${link} ${point} ${new Set([...direct, ...ids]).size}`) // one that moves stands in both ways
  }
}
