/**
 * Keeps the kernel as intended: dumps it, takes the steps that reconcile.ts finds, and does so again whenever the kernel tells of a
 * change. What fails is tried again, less and less often, and is a reason in the status meanwhile.
 */
import { type Clock, sleep } from '../base/clock.ts'
import { KernelError, messageOf } from '../base/errors.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Part } from '../base/part.ts'
import { type Desired, desired, nothing } from './desired.ts'
import { type ForwardingMode, forwardingMode, isForwarding } from './forwarding.ts'
import { type Intent, isRouter } from './intent.ts'
import type { Journal } from './journal.ts'
import type { Address, Kernel, KernelState, Link, Step } from './kernel.ts'
import { foreignHolders, reconcile, settle } from './reconcile.ts'
import { formatAddress, formatRoute, formatStep } from './reconcile-text.ts'

// Our own tunables, in milliseconds. The longest gap plus a dump is how late a repair can be: under a second.
const shortestGap = 30 // changes come in handfuls: a link that comes up is a dozen of them
const longestGap = 500 // between two dumps while the kernel never falls silent
const firstRetry = 250
const usualPatrol = 10_000 // a dump even where nothing is heard: the kernel tells nobody of accept_ra and its like
const maxRounds = 6 // dumps of one pass; what isn't done by then is undone by someone else each time

/** A step lost a race against a link that went away, or against someone who did the same: the next dump tells. */
const races = new Set(['ENOENT', 'EEXIST', 'ENODEV', 'ESRCH', 'ENXIO', 'EADDRNOTAVAIL', 'ENETDOWN'])

export interface KernelStatus {
  readonly converged: boolean
  readonly reasons: readonly string[] // why not, a sentence each
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly forwarding: ForwardingMode
}

export class Converger implements Part {
  readonly name = 'kernel'
  readonly #kernel: Kernel
  readonly #journal: Journal
  readonly #log: Log
  readonly #clock: Clock
  readonly #throttle: Throttle
  readonly #patrol: number
  readonly #listeners = new Set<(state: KernelState) => void>()
  #intent: Intent | undefined
  #generation = 0
  #reached = 0 // the generation of the intent that the newest dump was compared with
  #waiting: { readonly generation: number; readonly settle: () => void }[] = []
  #state: KernelState | undefined
  #converged = false
  #reasons: readonly string[] = []
  #dirty = false
  #wake = () => {}
  #failures = 0
  #withdrawn = false
  #phase: 'new' | 'running' | 'ended' = 'new'
  #turn: Promise<void> = Promise.resolve()

  /** `patrol`: milliseconds until a silent kernel is dumped again. */
  constructor(o: { kernel: Kernel; journal: Journal; log: Log; clock: Clock; patrol?: number }) {
    this.#kernel = o.kernel
    this.#journal = o.journal
    this.#log = o.log
    this.#clock = o.clock
    this.#throttle = new Throttle(o.clock)
    this.#patrol = o.patrol ?? usualPatrol
  }

  /** Resolves when the kernel is as intended, or that has failed once, or the run has ended. Until the first call nothing is changed. */
  setIntent(intent: Intent): Promise<void> {
    this.#intent = intent
    const generation = ++this.#generation
    if (this.#phase === 'ended') return Promise.resolve()
    return new Promise(settle => {
      this.#waiting.push({ generation, settle })
      if (this.#phase === 'running') void this.#pass() // at once, however busy the kernel is
    })
  }

  /** The listener hears of every dump, before anything is done about it, until the result is disposed of. */
  onState(listener: (state: KernelState) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  status(): KernelStatus {
    const state = this.#state
    const forwards = state !== undefined && this.#intent?.site !== undefined && isRouter(this.#intent)
    return {
      converged: this.#converged,
      reasons: this.#reasons,
      links: state?.links ?? [],
      addresses: state?.addresses ?? [],
      forwarding: forwards ? forwardingMode(state, this.#journal.changes) : 'off',
    }
  }

  /** Ends with everything left where it is (a hand-over); `withdraw` is what takes it away. */
  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    using _watch = this.#kernel.watch(() => this.#kick())
    this.#phase = 'running'
    try {
      await this.#pass()
      ready()
      let gap = shortestGap
      while (!signal.aborted) {
        const began = this.#clock.monotonic()
        await this.#until(signal)
        const idle = this.#clock.monotonic() - began
        // The longer the kernel goes on changing, the further apart the dumps, and the more changes one of them covers.
        if (idle > gap) gap = shortestGap
        await sleep(Math.max(gap - idle, shortestGap), signal)
        if (signal.aborted) break
        gap = Math.min(gap * 2, longestGap)
        await this.#pass()
      }
      await this.#turn
    } finally {
      this.#phase = 'ended'
      this.#settle(this.#generation)
    }
  }

  /** A stop for good: takes away everything of ours, restores what was before, forgets the journal. Never rejects. */
  async withdraw(): Promise<void> {
    this.#withdrawn = true
    await this.#exclusive(async () => {
      const reasons = await this.#rounds(() => nothing)
      if (reasons.length > 0) {
        this.#log.warn({ reasons }, 'something of ours is left in the kernel; the next start or stop removes it')
        return
      }
      await this.#journal.remove()
      this.#log.info({}, 'the kernel is as it was before us')
    }).catch(error => this.#log.error({ err: error }, 'could not take our changes out of the kernel'))
    this.#converged = false
    this.#settle(this.#generation)
  }

  #kick(): void {
    this.#dirty = true
    this.#wake()
  }

  /** Waits for a change, or for the time to look again, which comes sooner where something failed. */
  async #until(signal: AbortSignal): Promise<void> {
    if (this.#dirty) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    const retry = this.#failures === 0 ? this.#patrol : firstRetry * 2 ** (this.#failures - 1)
    await sleep(Math.min(retry, this.#patrol), AbortSignal.any([signal, woken.signal]))
    this.#wake = () => {}
  }

  /** Runs one at a time, in the order of asking. */
  #exclusive(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #pass(): Promise<void> {
    await this.#exclusive(async () => {
      if (this.#withdrawn) {
        this.#settle(this.#generation)
        return
      }
      let reasons: readonly string[]
      try {
        reasons = await this.#rounds((state, intent) => desired(intent, state, settle(this.#journal.changes, state)))
      } catch (error) {
        reasons = [`the kernel's configuration can't be read or recorded: ${messageOf(error)}`]
        this.#reached = this.#generation
      }
      this.#report(reasons)
      this.#settle(this.#reached)
    })
  }

  /** Dumps and steps until nothing is left to do; returns what could not be done. */
  async #rounds(wanted: (state: KernelState, intent: Intent) => Desired): Promise<readonly string[]> {
    let left: readonly Step[] = []
    // Who is at odds with someone doesn't take every turn of it.
    const rounds = this.#failures > 0 && !this.#withdrawn ? 2 : maxRounds
    for (let round = 0; round < rounds; round++) {
      this.#dirty = false
      const state = await this.#dump()
      const intent = this.#intent
      this.#reached = this.#generation
      if (!intent && !this.#withdrawn) return []

      const goal = intent ? wanted(state, intent) : nothing
      const { steps, moves, changes } = reconcile(goal, state, this.#journal.changes)
      await this.#journal.save(changes) // on disk before the first change
      if (steps.length === 0) {
        const reasons = obstacles(goal, state)
        if (moves.length === 0) return reasons
        this.#report(reasons)
        this.#settle(this.#reached) // nobody has to wait for what changes nothing
      }
      const next = steps.length > 0 ? steps : moves
      this.#tell(next, state)
      const failed = await this.#apply(next, state, next === moves)
      if (failed.length > 0) return failed
      left = next
    }
    const links = this.#state?.links ?? []
    return left.map(step => `${formatStep(step, links)}: is undone, or has no effect`)
  }

  async #dump(): Promise<KernelState> {
    const state = await this.#kernel.state()
    this.#state = state
    for (const listener of this.#listeners) {
      try {
        listener(state)
      } catch (error) {
        this.#log.error({ err: error }, 'a listener to the kernel state failed')
      }
    }
    return state
  }

  /** Takes each step; one that fails keeps those from being taken that are safe only after it: of a chain all. */
  async #apply(steps: readonly Step[], state: KernelState, chain: boolean): Promise<readonly string[]> {
    const failed: string[] = []
    for (const step of steps) {
      if (failed.length > 0 && (chain || opensTheRouter(step))) continue
      try {
        await this.#kernel.apply(step)
      } catch (error) {
        if (error instanceof KernelError && races.has(error.errno)) {
          this.#log.debug({ step: formatStep(step, state.links), errno: error.errno }, 'a step came too late')
          if (chain) break
          continue
        }
        failed.push(
          `${formatStep(step, state.links)}: ${error instanceof KernelError ? error.errno : messageOf(error)}`,
        )
      }
    }
    return failed
  }

  #tell(steps: readonly Step[], state: KernelState): void {
    const lines = steps.map(step => formatStep(step, state.links))
    const held = this.#throttle.pass(lines.join('\n'))
    if (held) this.#log.info({ steps: lines, ...(held.held > 0 && held) }, 'changing the kernel configuration')
  }

  #report(reasons: readonly string[]): void {
    this.#reasons = reasons
    this.#converged = reasons.length === 0 && this.#intent !== undefined
    this.#failures = reasons.length === 0 ? 0 : this.#failures + 1
    if (reasons.length === 0) return
    const held = this.#throttle.pass(reasons.join('\n'))
    if (held) this.#log.warn({ reasons, ...(held.held > 0 && held) }, 'the kernel is not configured as it should be')
  }

  #settle(generation: number): void {
    const done = this.#waiting.filter(waiter => waiter.generation <= generation)
    this.#waiting = this.#waiting.filter(waiter => waiter.generation > generation)
    for (const { settle } of done) settle()
  }
}

/** Steps that let packets through: only after everything before them has worked. */
function opensTheRouter(step: Step): boolean {
  if (step.op === 'write-sysctl') return isForwarding(step.path) && step.value !== '0'
  return step.op === 'remove-rule' && step.rule.action.kind === 'prohibit'
}

/** What stands in the way although no step can mend it. */
function obstacles(goal: Desired, state: KernelState): readonly string[] {
  const duplicates = state.addresses.filter(
    a => a.dadFailed && goal.addresses.some(own => own.link === a.link && own.address === a.address),
  )
  return [
    ...duplicates.map(a => `${formatAddress(a, state.links)}: another host on the link has this address`),
    ...foreignHolders(goal, state).map(
      route => `${formatRoute(route, state.links)}: a route that isn't ours stands in its place`,
    ),
  ]
}
