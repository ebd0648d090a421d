import { expect, test } from 'vitest'
import { desired } from '../../../appliance/netlink/desired.ts'
import { noIntent } from '../../../appliance/netlink/intent.ts'
import { noChanges } from '../../../appliance/netlink/journal.ts'
import type { MemoryKernel } from '../../../appliance/netlink/memory.ts'
import { converge, machine } from './machine.ts'
import { intent, siteC, stateNamed } from './scenario-table.ts'

test('the next hop is used only while a program stands that knows it, whichever comes and whichever goes', async () => {
  const kernel = machine()
  let changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
  const given = { overlay: 'zt0', lans: [{ link: 'eth1' }] }
  const fast = intent({ ...given, fastPath: true })
  let from = kernel.applied.length
  const taken = () => kernel.applied.slice(from).map(step => step.op)
  changes = await converge(kernel, fast, changes)
  expect(taken().slice(0, 3)).toEqual(Array(3).fill('attach-program'))
  expect(taken()).toContain('replace-neighbour')
  expect(taken().indexOf('replace-neighbour')).toBeLessThan(taken().indexOf('replace-route'))

  // The programs that answer solicitations instead.
  const others = fast.programs.map(program => ({ ...program, id: program.id + 10 }))
  from = kernel.applied.length
  await converge(kernel, { ...fast, nextHop: 'on-link', programs: others }, changes)
  expect(taken()).toContain('attach-program')
  expect(taken().lastIndexOf('replace-route')).toBeLessThan(taken().indexOf('attach-program'))
  expect(taken()).toContain('remove-neighbour')
})

test('a program that is new to its link works at once as a classifier, and moves in steps that nobody waits for', async () => {
  const kernel = machine()
  const fast = stateNamed('one LAN and the fast path').intent
  const changes = await converge(kernel, fast, noChanges)
  const taken = kernel.applied.flatMap(step =>
    'program' in step ? [`${step.op} ${step.program.way} ${step.program.point} ${step.program.link}`] : [],
  )
  const [lan, overlay] = [kernel.link('eth1').index, kernel.link('zt0').index]
  const places = [`ingress ${overlay}`, `egress ${overlay}`, `ingress ${lan}`]
  expect(taken).toEqual([
    ...places.map(place => `attach-program clsact ${place}`),
    ...places.flatMap(place => [`attach-program direct ${place}`, `detach-program clsact ${place}`]),
  ])
  const { programs, hooks } = await kernel.state()
  expect(programs.map(({ way }) => way)).toEqual(['direct', 'direct', 'direct'])
  expect(hooks.map(({ link }) => link).toSorted()).toEqual([lan, overlay].toSorted()) // taking them away would halt the links
  expect(changes.programs).toHaveLength(3)

  await converge(kernel, noIntent, changes)
  expect((await kernel.state()).hooks).toEqual([])
})

test('no hook is made on a link where programs stand without one', async () => {
  const kernel = machine()
  const fast = stateNamed('one LAN and the fast path').intent
  const overlay = kernel.link('zt0').index
  const id = 77
  await kernel.apply({ op: 'attach-program', program: { link: overlay, point: 'egress', way: 'direct', id, slot: 0 } })
  const changes = await converge(kernel, fast, { ...noChanges, programs: [{ link: overlay, point: 'egress', id }] })
  expect((await kernel.state()).hooks.map(({ link }) => link)).toEqual([kernel.link('eth1').index])
  expect(changes.hooks).toEqual([kernel.link('eth1').index])
})

test('wherever a crash falls, the next start leaves no place without a program that had one', async () => {
  const fast = stateNamed('one LAN and the fast path').intent
  const next = { ...fast, programs: fast.programs.map(program => ({ ...program, id: program.id + 10 })) }
  const placesOf = async (kernel: MemoryKernel) => {
    const { programs } = await kernel.state()
    return new Set(programs.map(({ link, point }) => `${link} ${point}`))
  }
  for (let crash = 0; crash <= 40; crash++) {
    const kernel = machine()
    const changes = await converge(kernel, fast, noChanges, crash)
    const held = await placesOf(kernel)
    const apply = kernel.apply.bind(kernel)
    kernel.apply = async step => {
      await apply(step)
      const standing = await placesOf(kernel)
      expect([...held].filter(place => !standing.has(place))).toEqual([])
      for (const place of standing) held.add(place)
    }
    await converge(kernel, next, changes)
    expect((await kernel.state()).programs.map(({ id }) => id).toSorted()).toEqual(
      next.programs.map(({ id }) => id).toSorted(),
    )
  }
})

test.for([true, false])(
  'a LAN in two networks has a program of each, which come and go alone (direct: %s)',
  async direct => {
    const kernel = machine({ direct })
    const first = stateNamed('one LAN and the fast path').intent
    const second = { ...intent({ site: siteC, lans: [{ link: 'eth1' }], fastPath: true }), slot: 1 }
    const ofSecond = { ...second, programs: second.programs.map(program => ({ ...program, id: 40 })) }
    const standing = async () => {
      const { programs } = await kernel.state()
      const lan = kernel.link('eth1').index
      return programs.flatMap(({ link, id }) => (link === lan ? id : [])).toSorted()
    }
    const ids = first.programs.flatMap(({ link, id }) => (link === 'eth1' ? id : []))
    let changes = await converge(kernel, { ...first, beside: [ofSecond] }, noChanges)
    expect(await standing()).toEqual([...ids, 40])
    changes = await converge(kernel, ofSecond, changes)
    expect(await standing()).toEqual([40])
    changes = await converge(kernel, { ...first, beside: [ofSecond] }, changes)
    expect(await standing()).toEqual([...ids, 40])

    // One is exchanged: the other stands all the while.
    const apply = kernel.apply.bind(kernel)
    kernel.apply = async step => {
      await apply(step)
      expect(await standing()).toContain(40)
    }
    const others = first.programs.map(program => ({ ...program, id: program.id + 10 }))
    changes = await converge(kernel, { ...first, programs: others, beside: [ofSecond] }, changes)
    expect(await standing()).toEqual([...ids.map(id => id + 10), 40])
    await converge(kernel, ofSecond, changes)
    expect(await standing()).toEqual([40])
  },
)

test('no packet goes to the next hop while only a program stands that answers solicitations', async () => {
  const kernel = machine()
  const fast = stateNamed('one LAN and the fast path').intent
  const others = fast.programs.map(program => ({ ...program, id: program.id + 10 }))
  const changes = await converge(kernel, { ...fast, nextHop: 'on-link', programs: others }, noChanges)
  const { programs } = desired(fast, await kernel.state(), changes)
  expect(programs.map(({ id }) => id)).toEqual(fast.programs.map(({ id }) => id))
  expect(desired(fast, await kernel.state(), changes).neighbours).toEqual([]) // until the other one stands
  await converge(kernel, fast, changes)
  expect((await kernel.state()).neighbours).toHaveLength(1)
})
