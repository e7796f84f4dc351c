import type { Locator, Page } from '@playwright/test'
import type { Api } from './api'
import { tabTo } from './keyboard'
import { expect, expectNoViolations, outage, test } from './stage'

const scenario = {
  name: 'experiment',
  prepare: async (api: Api) => {
    await api.create('/metric-definitions', { key: 'purchase-rate', name: 'Purchase rate', kind: 'conversion', event: 'purchase' })
    await api.create('/segments', { key: 'staff', name: 'Staff' })
    await api.create('/layers', { key: 'till', name: 'Till' })
    await api.createExperiment({ key: 'till-music', name: 'Till music', layer: { key: 'till', share_ppm: 400_000 } })
  },
}

const path = (key: string, tab = ''): string => `/console/experiments/${key}${tab && `/${tab}`}`
const saveBar = (page: Page): Locator => page.getByRole('region', { name: 'Changes' })
const audience = (page: Page): Locator => page.locator('#audience')

async function give(page: Page, verb: string, reason: string): Promise<void> {
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Reason').fill(reason)
  await dialog.getByRole('button', { name: verb, exact: true }).click()
  await expect(dialog).toBeHidden()
}

test.describe('an experiment', () => {
  test.use({ scenario })

  test('is created, targeted and switched on by mouse', async ({ signedIn: page, api }) => {
    await page.goto(path('new'))
    await page.getByLabel('Name', { exact: true }).first().fill('Green button')
    await page.getByLabel('Hypothesis').fill('Green sells more.')
    await audience(page).getByRole('button', { name: 'Add a condition' }).click()
    await audience(page).getByLabel('Attribute', { exact: true }).fill('country')
    await audience(page).getByLabel('Operator of country').selectOption('$in')
    await audience(page).getByLabel('Value of country').fill('US')
    await page.keyboard.press('Enter')
    await page.keyboard.type('CA,')
    await page.locator('#metrics').getByRole('button', { name: 'Add the metric' }).click()
    await page.locator('#layer').getByLabel('Layer', { exact: true }).selectOption('till')
    await page.getByRole('button', { name: 'Create…' }).click()
    await give(page, 'Create', 'spring campaign')

    await expect(page).toHaveURL(/\/green-button$/)
    await expect(page.getByText('is one of US, CA')).toBeVisible()
    await page.getByRole('button', { name: 'Switch on…' }).click()
    await expect(page.getByRole('dialog').getByRole('list', { name: 'Checklist' })).toContainText('It holds 60% of Till')
    await give(page, 'Switch on', 'ready')
    await expect(page.getByRole('button', { name: 'Switch off…' })).toBeVisible()

    const made = await api.experiment('green-button')
    expect(made).toMatchObject({ status: 'active', audience: { country: { $in: ['US', 'CA'] } }, metrics: [{ metric: 'purchase-rate', role: 'primary' }], hypothesis: 'Green sells more.' })
    expect(made.layer?.slots).toEqual([{ from: 400_000, to: 1_000_000 }])
    await expect(page.getByRole('listitem').filter({ hasText: 'ready' })).toBeVisible()
  })

  test('is created, targeted and switched on by keyboard alone', async ({ signedIn: page, api }) => {
    await page.goto(path('new'))
    await tabTo(page, page.getByLabel('Name', { exact: true }).first())
    await page.keyboard.type('Quiet checkout')
    await tabTo(page, page.getByRole('slider', { name: 'Boundary between Control and Treatment' }))
    for (const key of ['PageUp', 'PageUp', 'ArrowLeft', 'Shift+ArrowRight']) await page.keyboard.press(key)
    await tabTo(page, page.getByRole('slider', { name: 'Traffic' }))
    await page.keyboard.press('PageDown')
    await tabTo(page, audience(page).getByRole('button', { name: 'Add a condition' }))
    await page.keyboard.press('Enter')
    await page.keyboard.type('plan')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.type('pro')
    await tabTo(page, page.getByRole('button', { name: 'Create…' }))
    await page.keyboard.press('Enter')
    await page.keyboard.type('by keyboard')
    await page.keyboard.press('Enter')
    await expect(page).toHaveURL(/\/quiet-checkout$/)

    await tabTo(page, page.getByRole('button', { name: 'Switch on…' }))
    await page.keyboard.press('Enter')
    await page.keyboard.type('all is set')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('button', { name: 'Switch off…' })).toBeVisible()
    const made = await api.experiment('quiet-checkout')
    expect(made).toMatchObject({ status: 'active', traffic_ppm: 900_000, audience: { plan: 'pro' } })
    expect(made.split).toEqual([
      { variation: 'control', from: 0, to: 691_000 },
      { variation: 'treatment', from: 691_000, to: 1_000_000 },
    ])
  })

  test('is dragged: what the preview says is what is saved', async ({ signedIn: page, api }) => {
    const weights = ['control', 'green', 'blue'].map((key, i) => ({ key, name: key, value: key, weight: i === 0 ? 2 : 1 }))
    const before = await api.createExperiment({ key: 'dragged', name: 'Dragged', variations: weights })
    await api.setStatus('dragged', 'active')
    await page.goto(path('dragged', 'setup'))
    const boundary = page.getByRole('slider', { name: 'Boundary between control and green' })
    await boundary.scrollIntoViewIfNeeded()
    const [box, frame] = [await boundary.boundingBox(), await boundary.locator('..').boundingBox()]
    if (!box || !frame) throw new Error('the picture is not in sight')
    await page.mouse.move(box.x + box.width / 2, box.y + 20)
    await page.mouse.down()
    await page.mouse.move(frame.x + frame.width * 0.3, box.y + 20, { steps: 5 })
    await page.mouse.up()
    await expect(boundary).toHaveAttribute('aria-valuenow', '300000')
    await expect(boundary).toHaveAttribute('aria-valuetext', 'control 30%, green 45%')

    const told = page.getByRole('region', { name: 'What saving would do' })
    await expect(told).toContainText('20% of all units move')
    await expect(told.getByRole('row', { name: 'control green 200,000 20%' })).toBeVisible()
    await saveBar(page).getByRole('button', { name: 'Save…' }).click()
    await page.getByRole('dialog').getByLabel('A new phase, 2').check()
    await give(page, 'Save', 'green looks good')

    await expect(saveBar(page)).toBeHidden()
    const after = await api.experiment('dragged')
    expect(after.phase).toBe(2)
    const size = (split: typeof after.split, key: string): number => split.filter((part) => part.variation === key).reduce((sum, part) => sum + part.to - part.from, 0)
    expect(['control', 'green', 'blue'].map((key) => size(after.split, key) - size(before.split, key))).toEqual([-200_000, 200_000, 0])
  })

  test('shows what is wrong where it is, and whom the audience takes', async ({ signedIn: page, api }) => {
    test.slow()
    await api.createExperiment({ key: 'picky', name: 'Picky', audience: { country: { $in: ['US'] }, user_id: { $notInGroup: 'staff' } } })
    await page.goto(path('picky', 'setup'))
    const section = audience(page)
    await section.getByLabel("The person's country").fill('US')
    await expect(section.getByText('In the audience', { exact: true })).toBeVisible()
    await section.getByLabel("The person's country").fill('DE')
    await expect(section.getByText('Not in the audience')).toBeVisible()
    await expect(section.getByRole('img', { name: 'not met', exact: true })).toHaveCount(1)

    await section.getByRole('button', { name: 'Add a condition' }).click()
    await section.getByLabel('Attribute', { exact: true }).last().fill('email')
    await section.getByLabel('Operator of email').selectOption('$regex')
    await section.getByLabel('Value of email').fill('(a+)+')
    await expect(section.getByText('must not repeat without bound')).toBeVisible()
    await section.getByText('JSON', { exact: true }).first().click()
    await expect(section.getByText('/email/$regex')).toBeVisible()
    await section.getByLabel('Condition', { exact: true }).fill('{"country": ')
    await expect(section.getByText('This is not a JSON object.')).toBeVisible()
    await expect(saveBar(page).getByRole('button', { name: 'Save…' })).toHaveAttribute('aria-disabled', 'true')
    await expectNoViolations(page)

    await section.getByLabel('Condition', { exact: true }).fill('{"$or": [{"country": "US"}, {"plan": null}]}')
    await section.getByText('Rows', { exact: true }).click()
    await expect(section.getByLabel('Value of plan')).toHaveValue('null')
    await saveBar(page).getByRole('button', { name: 'Save…' }).click()
    await give(page, 'Save', 'wider')
    await expect(saveBar(page)).toBeHidden()
    expect((await api.experiment('picky')).audience).toEqual({ $or: [{ country: 'US' }, { plan: null }] })
  })

  test('is edited by two: the second sees both diffs and loses nothing', async ({ person, stack, api }) => {
    test.slow()
    await api.createExperiment({ key: 'shared', name: 'Shared', owner: 'nobody' })
    const [ada, grace] = await Promise.all(['ada', 'grace'].map(async (name) => person({ token: await api.createKey(name, 'editor'), url: stack.url })))
    if (!ada || !grace) throw new Error('nobody came')
    await Promise.all([ada.goto(path('shared', 'setup')), grace.goto(path('shared', 'setup'))])
    await ada.getByLabel('Owner').fill('ada')
    await ada.getByLabel('Hypothesis').fill('Two heads are better.')
    await grace.getByLabel('Owner').fill('grace')
    await grace.locator('#variations').getByLabel('Weight').first().fill('3')
    await saveBar(grace).getByRole('button', { name: 'Save…' }).click()
    await give(grace, 'Save', 'mine now')

    await expect(saveBar(ada).getByRole('status')).toContainText(/grace: Changed owner, variations/)
    await expect(ada.getByLabel('Hypothesis')).toHaveValue('Two heads are better.')
    await saveBar(ada).getByRole('button', { name: 'Save…' }).click()
    const dialog = ada.getByRole('dialog')
    await dialog.getByLabel('Reason').fill('no, mine')
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()

    const conflict = ada.getByRole('dialog', { name: 'This experiment was changed meanwhile' })
    await expect(conflict.getByRole('region', { name: 'Their changes' })).toContainText('grace')
    await expect(conflict.getByRole('region', { name: 'My changes' })).toContainText('Two heads are better.')
    await expect(conflict).toContainText('mine now')
    await expectNoViolations(ada)
    await conflict.getByRole('radio', { name: /^Mine/ }).check()
    await conflict.getByRole('button', { name: 'Put mine on top' }).click()
    await saveBar(ada).getByRole('button', { name: 'Save…' }).click()
    await give(ada, 'Save', 'settled with grace')
    await expect(saveBar(ada)).toBeHidden()

    const after = await api.experiment('shared')
    expect(after).toMatchObject({ owner: 'ada', hypothesis: 'Two heads are better.', version: 3 })
    expect(after.variations.map((variation) => variation.weight)).toEqual([3, 1])
  })

  test('keeps a draft, and asks before it is left', async ({ signedIn: page, api }) => {
    await api.createExperiment({ key: 'drafted', name: 'Drafted' })
    await page.goto(path('drafted', 'setup'))
    await page.getByLabel('Hypothesis').fill('Not saved yet.')
    await page.getByRole('link', { name: /^Overview/ }).click()
    await expect(page.getByText('There are changes that were not saved.')).toBeVisible()
    let asked = ''
    page.once('dialog', (dialog) => {
      asked = dialog.message()
      void dialog.dismiss()
    })
    await page.getByRole('link', { name: 'Ledger', exact: true }).click()
    expect(asked).toContain('not saved')
    await expect(page).toHaveURL(/drafted$/)
    page.on('dialog', (dialog) => void dialog.accept())
    await page.goto(path('drafted', 'setup'))
    await expect(page.getByLabel('Hypothesis')).toHaveValue('Not saved yet.')
    await saveBar(page).getByRole('button', { name: 'Discard' }).click()
    await expect(page.getByLabel('Hypothesis')).toHaveValue('')
    await expect(saveBar(page)).toBeHidden()
  })

  test('is duplicated and deleted', async ({ signedIn: page, api }) => {
    await api.createExperiment({ key: 'origin', name: 'Origin', audience: { plan: 'pro' } })
    await page.goto(path('origin'))
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Duplicate' }).click()
    await page.getByRole('button', { name: 'Create…' }).click()
    await give(page, 'Create', 'again')
    await expect(page).toHaveURL(/\/origin-copy$/)
    expect((await api.experiment('origin-copy')).audience).toEqual({ plan: 'pro' })
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    const dialog = page.getByRole('dialog')
    await expect(dialog.getByRole('button', { name: 'Delete' })).toHaveAttribute('aria-disabled', 'true')
    await dialog.getByLabel('Type the key').fill('origin-copy')
    await dialog.getByLabel('Reason').fill('one is enough')
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await expect(page).toHaveURL(/\/console\/experiments$/)
  })

  test('is within reach of everybody', { tag: '@long' }, async ({ signedIn: page }) => {
    test.slow()
    for (const place of [path('till-music'), path('till-music', 'setup'), path('new')]) {
      await page.goto(place)
      await expect(page.locator('h1')).toBeVisible()
      await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0)
      await expectNoViolations(page)
    }
    await page.goto(path('till-music'))
    await page.getByRole('button', { name: 'Switch on…' }).click()
    await expectNoViolations(page)
  })
})

test.describe('while the database is down', () => {
  test.use({ stackOptions: { own_postgres: true } })

  test('what is being edited is kept, and saved when it is back', async ({ signedIn: page, stack, api, watch }) => {
    watch.allow(...outage)
    await api.createExperiment({ key: 'steady', name: 'Steady' })
    await page.goto(path('steady', 'setup'))
    await page.getByLabel('Hypothesis').fill('Nothing is lost.')
    const killed = Date.now()
    await stack.kill('postgres')
    await page.getByText('Read-only: the database is down').waitFor()
    console.log(`read-only ${Date.now() - killed} ms after the database was told to end`)
    await page.getByLabel('Owner').fill('sre')
    await expect(saveBar(page).getByRole('button', { name: 'Save…' })).toHaveAttribute('aria-disabled', 'true')
    page.on('dialog', (dialog) => void dialog.accept())
    await page.reload()
    await expect(page.getByLabel('Hypothesis')).toHaveValue('Nothing is lost.')
    await expect(page.getByLabel('Owner')).toHaveValue('sre')

    await stack.start('postgres')
    await expect(page.getByText('Read-only: the database is down')).toBeHidden()
    await saveBar(page).getByRole('button', { name: 'Save…' }).click()
    await give(page, 'Save', 'after the outage')
    await expect(saveBar(page)).toBeHidden()
    expect(await api.experiment('steady')).toMatchObject({ hypothesis: 'Nothing is lost.', owner: 'sre' })
  })
})
