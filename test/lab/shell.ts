/** `make lab`: two sites with a daemon on each router and clients on the hosts, and a shell among them until it is left. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client, has } from './client.ts'
import { table } from './narrator.ts'
import { TwoSites } from './sites.ts'

await using sites = await TwoSites.create()
const { lab, a, b } = sites
const daemons = { a: a.start(), b: b.start() }
const kinds = (['dhclient', 'networkd', 'dhcpcd', 'networkManager'] as const).filter(has)
for (const [i, host] of [...a.hosts, ...b.hosts].entries()) new Client(host, kinds[i % kinds.length]!)

const lines = [
  ['on a1 ping …', 'a command on one of a, a1, a2, b, b1, b2, switches'],
  ['on b bash', 'a shell there'],
  ['siteplane a status', 'the command line of a router’s daemon: status, leases'],
]
process.stdout.write(`Two sites stand until you leave this shell:\n\n${table(lines).join('\n')}\n\n`)

const rc = join(lab.folder, 'bashrc')
writeFileSync(
  rc,
  `on() { local name=$1; shift; ip netns exec "sp-${lab.id}-$name" "$@"; }
siteplane() {
  local socket; case $1 in a) socket=${daemons.a.socket};; *) socket=${daemons.b.socket};; esac
  shift; node appliance/main.ts "$@" --socket "$socket"
}
PS1='lab \\$ '
`,
)
const shell = spawn('bash', ['--rcfile', rc, '-i'], { stdio: 'inherit' })
process.on('SIGINT', () => {}) // Ctrl-C is the shell's
await new Promise(resolve => shell.on('exit', resolve))
