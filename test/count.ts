/** How many tests passed, failed and were skipped, and the line that says so. */
export interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Part of what vitest's JSON reporter writes. */
export interface VitestResult {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

export const nothing: Count = { passed: 0, failed: 0, skipped: 0 }

/** What a run of vitest came to. A file that can't even be loaded is a failure too, which no test reports. */
export function counted(passed: boolean, result: VitestResult | undefined): Count {
  if (!result) return { ...nothing, failed: 1 }
  return {
    passed: result.numPassedTests,
    failed: passed ? 0 : Math.max(1, result.numFailedTests),
    skipped: result.numPendingTests + result.numTodoTests,
  }
}

export function plus(a: Count, b: Count): Count {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

export function describe({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
