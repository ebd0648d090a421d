import { aborted } from '../../../appliance/base/clock.ts'
import type { Part } from '../../../appliance/base/part.ts'

/** A part that runs until it is stopped, and says when it does. */
export function lasting(name: string, events: string[]): Part {
  return {
    name,
    async run(signal, ready) {
      events.push(`${name} starts`)
      ready()
      await aborted(signal)
      events.push(`${name} stops`)
    },
  }
}
