/** Everything is measured in rounds, each contender once in each: what the machine does meanwhile hurts them all alike. */
const quick = process.env['QUICK'] === '1'

export const rounds = quick ? 2 : 5

/** How long one measurement of a rate goes on, in milliseconds. */
export const span = quick ? 150 : 300
