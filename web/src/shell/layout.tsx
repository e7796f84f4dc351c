import { CircleHelp, LogOut, Menu as MenuIcon, Monitor, Moon, Search, Sun } from 'lucide-react'
import { lazy, Suspense, useEffect, useRef, useState, type ReactNode } from 'react'
import { Link, useLocation } from 'wouter'
import { useLive } from '../api/live'
import { useSession } from '../api/session'
import { Button } from '../ui/button'
import { count } from '../ui/format'
import { useShortcuts } from '../ui/keys'
import { Menu, MenuItem, MenuLabel, MenuLine } from '../ui/menu'
import { Banner } from './banner'
import styles from './layout.module.css'
import { Logo } from './logo'
import { places } from './nav'
import { Palette } from './palette'
import { useTheme, type Theme } from './theme'

const Help = lazy(() => import('./help'))

/** Layout is what stands around every page: navigation, state of the server, who one is. */
export function Layout({ children }: { readonly children: ReactNode }) {
  const [location, navigate] = useLocation()
  const [open, setOpen] = useState<'nothing' | 'menu' | 'palette' | 'help'>('nothing')
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)

  useEffect(() => {
    setOpen((now) => (now === 'menu' ? 'nothing' : now))
    // Who goes on by keyboard or screen reader starts at the new page.
    if (!first.current) main.current?.focus({ preventScroll: true })
    first.current = false
    window.scrollTo(0, 0)
  }, [location])

  useShortcuts({
    'ctrl+k': () => setOpen('palette'),
    '?': () => setOpen('help'),
    ...Object.fromEntries(places.flatMap((group) => group.items).map((place) => [`g ${place.letter}`, () => navigate(place.href)])),
  })

  return (
    <div className={styles.layout}>
      <a className={styles.skip} href="#main">
        Skip to the page
      </a>
      <div className={styles.bar}>
        <Button kind="quiet" icon label="Menu" onClick={() => setOpen('menu')}>
          <MenuIcon size={18} aria-hidden />
        </Button>
        <Brand />
        <Button kind="quiet" icon label="Find" onClick={() => setOpen('palette')}>
          <Search size={17} aria-hidden />
        </Button>
      </div>
      {open === 'menu' && <button type="button" className={styles.veil} aria-label="Close the menu" onClick={() => setOpen('nothing')} />}
      <div className={styles.side} data-open={open === 'menu'}>
        <Brand />
        <button type="button" className={styles.find} onClick={() => setOpen('palette')}>
          <Search size={14} aria-hidden />
          Find
          <kbd>Ctrl K</kbd>
        </button>
        <nav aria-label="Main">
          {places.map((group) => (
            <div key={group.title} className={styles.group}>
              <h2>{group.title}</h2>
              <ul>
                {group.items.map(({ href, text, icon: Icon }) => (
                  <li key={href}>
                    <Link href={href} className={styles.place} aria-current={location.startsWith(href) ? 'page' : undefined}>
                      <Icon size={16} strokeWidth={1.9} aria-hidden />
                      {text}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <div className={styles.foot}>
          <ServerState />
          <Who onHelp={() => setOpen('help')} />
        </div>
      </div>
      <main className={styles.main} id="main" ref={main} tabIndex={-1}>
        <Banner />
        {children}
      </main>
      {open === 'palette' && <Palette onClose={() => setOpen('nothing')} />}
      <Suspense fallback={null}>{open === 'help' && <Help onClose={() => setOpen('nothing')} />}</Suspense>
    </div>
  )
}

const Brand = () => (
  <Link href="/console/experiments" className={styles.brand} aria-label="Assay, to the experiments">
    <Logo />
    Assay
  </Link>
)

const stateWords = { connecting: 'Connecting', live: 'Live', 'read-only': 'Read-only', offline: 'Offline' } as const

function ServerState() {
  const { state, position } = useLive()
  return (
    <Link href="/console/health" className={styles.state}>
      <span className={`${styles.dot} ${state === 'connecting' ? '' : styles[state]}`} aria-hidden />
      {stateWords[state]}
      {position > 0 && <span title="The ledger's position">· {count(position)}</span>}
    </Link>
  )
}

const themes: readonly { readonly value: Theme; readonly text: string; readonly icon: typeof Sun }[] = [
  { value: 'system', text: "The system's theme", icon: Monitor },
  { value: 'light', text: 'Light', icon: Sun },
  { value: 'dark', text: 'Dark', icon: Moon },
]

function Who({ onHelp }: { readonly onHelp: () => void }) {
  const { state, signOut } = useSession()
  const [theme, setTheme] = useTheme()
  if (state.kind !== 'in') return null
  const { actor, role } = state.identity
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className={styles.who} aria-label={`Signed in as ${actor}`}>
          <span className={styles.face} aria-hidden>
            {actor.replace(/^oidc:/, '').slice(0, 2)}
          </span>
          <span className="truncate">
            {actor}
            <span className={styles.role}>{role}</span>
          </span>
        </button>
      }
    >
      <MenuLabel>Theme</MenuLabel>
      {themes.map((choice) => (
        <MenuItem key={choice.value} icon={choice.icon} checked={theme === choice.value} onSelect={() => setTheme(choice.value)}>
          {choice.text}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem icon={CircleHelp} onSelect={onHelp}>
        Keyboard and help
      </MenuItem>
      <MenuItem icon={LogOut} onSelect={() => void signOut()}>
        Sign out
      </MenuItem>
    </Menu>
  )
}
