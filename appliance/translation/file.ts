/** Who is translated to what, on disk: an address that other sites know stays the same over a stop and a start. */
import { readFileSync, rmSync } from 'node:fs'
import { messageOf } from '../base/errors.ts'
import { formatIp6, parseIp6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import { parseMac } from '../base/mac.ts'
import { replaceFile } from '../base/whole-file.ts'
import type { Translation } from './plan.ts'

/** Undefined where there is no file: nothing was ever translated, or no longer is. A damaged file holds nobody. */
export function loadTranslations(path: string, log: Log): readonly Translation[] | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    log.warn({ err: error, path }, 'the translated hosts can not be read')
    return []
  }
  try {
    const rows = JSON.parse(text) as Record<string, unknown>[]
    return rows.map(({ link, mac, host, own, heardAt }) => {
      const all = own as string[]
      if (!Number.isInteger(host) || all.length === 0) throw new Error(`${JSON.stringify(host)} is no host`)
      return {
        link: String(link),
        mac: parseMac(String(mac)),
        host: Number(host),
        own: all.map(parseIp6),
        heardAt: Number(heardAt),
      }
    })
  } catch (error) {
    log.warn({ path, reason: messageOf(error) }, 'the file of translated hosts is damaged: it begins anew')
    return []
  }
}

export async function saveTranslations(path: string, translations: readonly Translation[]): Promise<void> {
  const rows = translations.map(each => ({ ...each, own: each.own.map(formatIp6) }))
  await replaceFile(path, `${JSON.stringify(rows)}\n`, 0o600)
}

export function removeTranslations(path: string): void {
  rmSync(path, { force: true })
}
