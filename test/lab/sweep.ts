/** `make clean`: takes down the labs whose owner was killed before it could. */
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeDown } from './lab.ts'

const labs = readdirSync(tmpdir()).filter(entry => /^sp-[0-9a-f]{6}$/.test(entry))
for (const folder of labs.map(name => join(tmpdir(), name))) {
  if (!lives(join(folder, 'owner'))) await takeDown(folder)
}

function lives(ownerFile: string): boolean {
  try {
    process.kill(Number(readFileSync(ownerFile, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}
