/** `make clean`: takes down the labs whose owner was killed before it could. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeDown } from './lab.ts'
import { run } from './program.ts'

const netnses = (await run('ip', 'netns', 'list')).split('\n').map(line => line.split(' ')[0]!)
for (const name of readdirSync(tmpdir()).filter(entry => /^sp-[0-9a-f]{6}$/.test(entry))) {
  const folder = join(tmpdir(), name)
  if (lives(join(folder, 'owner'))) continue
  await takeDown(netnses.filter(netns => netns.startsWith(`${name}-`)))
  rmSync(folder, { recursive: true, force: true })
}

function lives(ownerFile: string): boolean {
  try {
    process.kill(Number(readFileSync(ownerFile, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}
