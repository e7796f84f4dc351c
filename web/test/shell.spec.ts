import { expect, expectNoViolations, test } from './stage'

const shared = { name: 'empty', prepare: async () => {} }

test.describe('the shell', () => {
  test.use({ scenario: shared })

  test('asks who is there, and takes a token', async ({ page, stack }) => {
    await page.goto('/')
    await expect(page).toHaveTitle(/Assay/)
    await page.getByLabel('API key').fill('not a token')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByText('No key has this token')).toBeVisible()
    await expectNoViolations(page)
    await page.getByLabel('API key').fill(stack.token)
    await page.keyboard.press('Enter')
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
    await expect(page).toHaveURL(/\/console\/experiments$/)
  })

  test('takes the token of a link, and does not keep it in the address', async ({ page, stack }) => {
    await page.goto(`/#token=${stack.token}`)
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
    expect(page.url()).not.toContain(stack.token)
    await page.reload()
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
  })

  test('tells that the token of a link is wrong', async ({ page }) => {
    await page.goto('/#token=wrong')
    await expect(page.getByText('No key has this token')).toBeVisible()
    expect(page.url()).not.toContain('wrong')
  })

  test('remembers the theme', async ({ signedIn: page }) => {
    const choose = async (theme: string): Promise<void> => {
      await page.getByRole('button', { name: /^Signed in as/ }).click()
      await page.getByRole('menuitemradio', { name: theme }).or(page.getByRole('menuitem', { name: theme })).click()
    }
    await choose('Dark')
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
    await page.reload()
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
    await choose("The system's theme")
    await expect(page.locator('html')).not.toHaveAttribute('data-theme', /./)
  })

  test('has menus for the keyboard', async ({ signedIn: page }) => {
    const trigger = page.getByRole('button', { name: /^Signed in as/ })
    const item = (name: string) => page.getByRole('menu').getByRole(/theme|Light|Dark/.test(name) ? 'menuitemradio' : 'menuitem', { name })
    await trigger.focus()
    await page.keyboard.press('ArrowDown')
    await expect(item("The system's theme")).toBeFocused()
    await expect(trigger).toHaveAttribute('aria-expanded', 'true')
    await expectNoViolations(page)
    await page.keyboard.press('ArrowUp')
    await expect(item('Sign out')).toBeFocused()
    await page.keyboard.press('d')
    await expect(item('Dark')).toBeFocused()
    await page.keyboard.press('Escape')
    await expect(page.getByRole('menu')).toHaveCount(0)
    await expect(trigger).toBeFocused()
    await trigger.click()
    await trigger.click()
    await expect(page.getByRole('menu')).toHaveCount(0)
    await trigger.click()
    await page.getByRole('heading', { level: 1 }).click()
    await expect(page.getByRole('menu')).toHaveCount(0)
  })

  test('leads on from where nothing is', async ({ signedIn: page }) => {
    await page.goto('/console/nowhere')
    await expect(page.getByRole('main')).toContainText('/console/nowhere')
    await page.getByRole('main').getByRole('link', { name: 'To the experiments' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Experiments')
  })

  test('signs out', async ({ signedIn: page }) => {
    await page.getByRole('button', { name: /^Signed in as/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await expect(page.getByLabel('API key')).toBeVisible()
    await page.goto('/console/keys')
    await expect(page.getByLabel('API key')).toBeVisible()
  })

  test('has no violations', async ({ signedIn: page }) => {
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible()
    await expectNoViolations(page)
  })
})
