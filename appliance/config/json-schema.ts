import { jsonSchema } from './schema.ts'

/** `node appliance/config/json-schema.ts > config/siteplane.schema.json`; a test says when that is due. */
export const schemaText = (): string => `${JSON.stringify(jsonSchema(), undefined, 2)}\n`

if (import.meta.main) process.stdout.write(schemaText())
