/** How many tests passed, failed and were skipped, which ones failed, and the lines that say so. */
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
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** A test that failed, or a whole file that could not run (then the name is empty). */
export interface Failure {
  readonly file: string
  readonly name: string
  readonly why: string
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

/** The failures of a run, each with the first line of what it said. Files are named as the result names them. */
export function failures(result: VitestResult): readonly Failure[] {
  return result.testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const tests = assertionResults.filter(test => test.status === 'failed')
    if (tests.length === 0 && status === 'failed') return [{ file, name: '', why: firstLine(message) }]
    return tests.map(test => ({ file, name: test.fullName, why: firstLine(test.failureMessages[0] ?? '') }))
  })
}

export function plus(a: Count, b: Count): Count {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

export function describe({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0]!
}
