import { defineConfig } from 'vitest/config'

/**
 * `unit` needs nothing but Node; the others need root, and `lab`, `alone` and `bench` build namespaces. `alone` is what touches limits
 * of the whole machine, `hosts` what runs other releases of Debian. All fail on an unhandled error.
 */
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000, maxWorkers: 4, isolate: false },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.lab.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } }, // where a second is what is promised, the test says a second
          pool: 'forks',
          maxWorkers: 3, // they wait more than they work: two cores are busy half of the time
          maxConcurrency: Number(process.env['SIDE_BY_SIDE'] ?? 8), // tests that only wait do so side by side
        },
      },
      {
        test: {
          name: 'alone',
          include: ['test/lab/**/*.alone.ts'],
          testTimeout: 120_000,
          pool: 'forks',
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'hosts',
          include: ['test/hosts/**/*.lab.ts'],
          testTimeout: 300_000, // the first run downloads
          pool: 'forks',
          maxWorkers: 2,
        },
      },
      { test: { name: 'bpf', include: ['test/bpf/**/*.test.ts'], testTimeout: 60_000, pool: 'forks', maxWorkers: 1 } },
      {
        test: {
          name: 'bench',
          include: ['test/bench/**/*.bench.ts'],
          testTimeout: 600_000,
          pool: 'forks',
          maxWorkers: 1,
        },
      },
    ],
  },
})
