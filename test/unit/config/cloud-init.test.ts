import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { registerCommands } from '../../../appliance/cli/commands.ts'
import { createProgram } from '../../../appliance/cli/program.ts'
import { parseConfig } from '../../../appliance/config/load.ts'

const text = readFileSync('config/cloud-init.yaml', 'utf8')

interface CloudConfig {
  readonly packages: readonly string[]
  readonly write_files: readonly { readonly path: string; readonly content: string }[]
  readonly runcmd: readonly (string | readonly string[])[]
}
const cloudConfig = parse(text, { strict: true }) as CloudConfig
const file = (path: string) => cloudConfig.write_files.find(each => each.path === path)!.content
const script = cloudConfig.runcmd.flatMap(each => (typeof each === 'string' ? [] : each)).at(-1)!

test('cloud-init takes it for what it is', () => {
  expect(text.startsWith('#cloud-config\n')).toBe(true)
  expect(Object.keys(cloudConfig)).toEqual(['package_update', 'packages', 'write_files', 'runcmd'])
})

test('a bare image has what the script runs: it is installed before, and never after the key of a repository was refused', () => {
  const installed = cloudConfig.packages
  for (const [, command] of script.matchAll(/^(curl|gpg|make) /gm)) expect(installed).toContain(command)
  const lines = script.split('\n').filter(line => !line.startsWith('#'))
  const at = (start: string) => lines.findIndex(line => line.startsWith(start))
  const order = ['curl ', 'gpg --show-keys', 'echo "deb [signed-by=$key]', 'apt-get update', 'apt-get install', 'make ']
  expect(order.map(at)).toEqual(order.map(at).toSorted((a, b) => a - b))
  expect(order.map(at)).not.toContain(-1)
  expect(lines[at('gpg')]).toMatch(/\| grep -qx fpr:{9}[0-9A-F]{40}:$/)
})

test('the configuration in it is good, and its LAN is the link that is set up', () => {
  const { overlay, lan } = parseConfig('cloud-init.yaml', file('/etc/siteplane/siteplane.yaml'))
  expect(overlay.kind).toBe('zerotier')
  expect(file('/etc/systemd/network/05-siteplane-lan.network')).toContain(`\nName=${lan[0]!.interface}\n`)
})

test('what it runs is there: commands of siteplane, targets and variables of the Makefile', () => {
  const silent = { out() {}, err() {}, color: false, env: {}, now: () => 0 }
  const program = createProgram('0', silent)
  registerCommands(program, silent)
  const known = program.commands.map(command => command.name())
  const used = [...script.matchAll(/^siteplane (\S+)(.*)$/gm)]
  expect(used.map(([, name]) => name)).toEqual(['check', 'join'])
  for (const [, name, rest] of used) {
    expect(known).toContain(name)
    const options = program.commands.find(command => command.name() === name)!.options.map(({ long }) => long)
    for (const [option] of rest!.matchAll(/--\S+/g)) expect(options).toContain(option)
  }
  const makefile = readFileSync('Makefile', 'utf8')
  const made = [.../^make -C \/opt\/siteplane (.*)$/m.exec(script)![1]!.matchAll(/(\w+)(=)?/g)]
  expect(made.length).toBeGreaterThan(0)
  for (const [, word, variable] of made) expect(makefile).toMatch(new RegExp(`^${word}${variable ? ' :=' : ':'}`, 'm'))
})
