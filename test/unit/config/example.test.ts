import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { textFields } from '../../../appliance/config/document.ts'
import { schemaText } from '../../../appliance/config/json-schema.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { advertiseOf, type JsonSchema, jsonSchema } from '../../../appliance/config/schema.ts'
import { serverOf } from './problems.ts'

const example = readFileSync('config/siteplane.example.yaml', 'utf8')
const least = 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}]'

/** Every path of the schema that ends in a value, as `lan[].dns.servers[]`. */
function leaves(schema: JsonSchema, path = ''): { path: string; schema: JsonSchema }[] {
  if (schema.properties) {
    return Object.entries(schema.properties).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key))
  }
  if (schema.anyOf) return schema.anyOf.flatMap(inner => leaves(inner, path))
  return schema.items ? leaves(schema.items, `${path}[]`) : [{ path, schema }]
}

/** Settings stand directly behind their `#` (or, within a mapping, two blanks after it), prose behind `# `. */
const isSetting = (line: string) => /^ *#( {2}|[-a-z])/.test(line)

test('the example shows the defaults', () => {
  expect(parseConfig('example', example)).toEqual(parseConfig('least', least))
})

test('every key of the schema is in the example', () => {
  const keys = new Set(example.split('\n').map(line => /^[ #]*(?:- )?([A-Za-z0-9]+):/.exec(line)?.[1]))
  const wanted = leaves(jsonSchema()).flatMap(({ path }) => path.replaceAll('[]', '').split('.'))
  expect(wanted.filter(key => !keys.has(key))).toEqual([])
})

test('what stands behind a bare # works when the # is taken away', () => {
  const lines = example.split('\n')
  const first = lines.indexOf('overlay:')
  const second = lines.indexOf('#overlay:')
  expect(first).toBeGreaterThan(-1)
  expect(second).toBeGreaterThan(first)
  const uncommented = lines
    .filter((_, i) => i < first || i >= second)
    .map(line => (isSetting(line) ? line.replace('#', '') : line))
    .join('\n')
  const config = parseConfig('example', uncommented)
  expect(config.overlay.kind).toBe('static')
  expect(advertiseOf(config.lan[0]!).mtu).toBe(1500)
  expect(serverOf(config).options.map(({ code, data }) => [code, data.values])).toEqual([
    [59, ['tftp://[fd00::69]/boot.efi']],
    [65001, [1, 2]],
  ])
  expect(config.lan[1]).toMatchObject({ interface: 'eth2', subnet: 0 })
})

test('the JSON Schema in config/ is current (node appliance/config/json-schema.ts > config/siteplane.schema.json)', () => {
  expect(readFileSync('config/siteplane.schema.json', 'utf8')).toBe(schemaText())
})

test('what is text in the schema is read as it is written', () => {
  const texts = leaves(jsonSchema()).filter(
    ({ schema }) => schema.type === 'string' && !schema.enum && !('const' in schema),
  )
  expect(texts.map(({ path }) => path).toSorted()).toEqual([...textFields].toSorted())
})
