/** Which programs to put on links, in which way, and which to take away. */
import { type Desired, isOurs } from './desired.ts'
import type { Changes } from './journal.ts'
import type { KernelState, Program, Step } from './kernel.ts'

const place = ({ link, point }: Program) => `${link} ${point}`
const sameProgram = (a: Program) => (b: Program) =>
  place(a) === place(b) && a.way === b.way && a.id === b.id && (a.way === 'direct' || a.slot === b.slot)
const attach = (program: Program): Step => ({ op: 'attach-program', program })
const detach = (program: Program): Step => ({ op: 'detach-program', program })

/**
 * A new program stands before the old one goes: a classifier replaces another in its slot, and of two that stand directly both run for
 * a moment, which does no harm.
 *
 * To put a program directly on a link takes the kernel a grace period of RCU, 10 to 30 ms with RTNL held, one after the other. So a
 * program that comes where none of ours stands is a classifier at first, which works at once, and moves behind everybody's back: of
 * what passes while both stand the first alone counts. A crash leaves either or both, and the next start puts its own beside.
 */
export function reconcilePrograms(desired: Desired, state: KernelState, known: Changes) {
  const ours = state.programs.filter(program => isOurs(program, known))
  const missing = desired.programs.filter(program => !state.programs.some(sameProgram(program)))
  const asClassifier = (program: Program): Program => ({ ...program, way: 'clsact' })
  const moving = missing.filter(program => ours.some(sameProgram(asClassifier(program))))
  const added = missing
    .filter(program => !moving.includes(program))
    .map(program => (takesClassifier(program, ours, state) ? asClassifier(program) : program))

  const unfinished = new Set(missing.map(place))
  const gone = ours.filter(program => !desired.programs.some(sameProgram(program)) && !unfinished.has(place(program)))
  const direct = [...ours, ...added, ...moving].filter(({ way }) => way === 'direct')
  const hooks = reconcileHooks(desired, added, state, known)
  return {
    attach: added.map(attach),
    moves: moving.flatMap(program => [attach(program), detach(asClassifier(program))]),
    detach: [...gone.map(detach), ...hooks.remove],
    hooks: hooks.records,
    records: direct.map(({ link, point, id }) => ({ link, point, id })),
  }
}

/** To make the hook of a classifier halts the link for a moment: not where packets may be going by our programs already. */
function takesClassifier(program: Program, ours: readonly Program[], { hooks }: KernelState): boolean {
  if (ours.some(other => place(other) === place(program))) return false
  return hooks.some(({ link }) => link === program.link) || !ours.some(({ link }) => link === program.link)
}

/** A hook that we made goes when its link is none of ours, unless someone else uses it by now. */
function reconcileHooks(desired: Desired, added: readonly Program[], state: KernelState, known: Changes) {
  const hooks = new Map(state.hooks.map(hook => [hook.link, hook]))
  const classifiers = [...desired.programs, ...added].filter(({ way }) => way === 'clsact')
  const used = new Set(classifiers.map(({ link }) => link))
  const kept = new Set([...desired.hooks, ...used])
  const made = new Set(known.hooks.filter(link => hooks.has(link) || used.has(link)))
  for (const link of used) if (!hooks.has(link)) made.add(link)
  const idle = [...made].filter(link => !kept.has(link) && hooks.get(link)?.shared === false)
  return {
    remove: idle.map((link): Step => ({ op: 'remove-hook', link })),
    records: [...made].filter(link => kept.has(link) || idle.includes(link)),
  }
}
