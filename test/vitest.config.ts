import { defineConfig } from 'vitest/config'

/** `unit` needs nothing but Node; `lab` needs root and builds namespaces. Both stop on the first unhandled error. */
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 } },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.lab.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          pool: 'forks',
          maxWorkers: 2,
        },
      },
    ],
  },
})
