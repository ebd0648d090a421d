import { expect, test } from 'vitest'
import { counted, failures, type VitestResult } from '../../count.ts'

const ran = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 1, numTodoTests: 1 }

const result: VitestResult = {
  ...ran,
  testResults: [
    {
      name: '/a.lab.ts',
      status: 'failed',
      message: '',
      assertionResults: [
        { fullName: 'a host pings', status: 'passed', failureMessages: [] },
        { fullName: 'a host gets an address', status: 'failed', failureMessages: ['Error: no Reply\n    at a.ts:1'] },
      ],
    },
    { name: '/b.lab.ts', status: 'failed', message: "SyntaxError: Unexpected token\n'}'", assertionResults: [] },
    { name: '/c.lab.ts', status: 'passed', message: '', assertionResults: [] },
  ],
}

test('a failure is named by its file and test with the first line of its message, a file that could not run by itself', () => {
  expect(failures(result)).toEqual([
    { file: '/a.lab.ts', name: 'a host gets an address', why: 'Error: no Reply' },
    { file: '/b.lab.ts', name: '', why: 'SyntaxError: Unexpected token' },
  ])
})

test('a run that failed has at least one failure, even where no test reports one', () => {
  expect(counted(true, { ...result, numFailedTests: 0 })).toEqual({ passed: 3, failed: 0, skipped: 2 })
  expect(counted(false, { ...result, numFailedTests: 0 })).toEqual({ passed: 3, failed: 1, skipped: 2 })
  expect(counted(false, undefined)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})
