import { useQuery } from '@tanstack/react-query'
import { Braces, CopyPlus, Ellipsis, Power, SearchCode, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { usePermission } from '../api/permission'
import type { Experiment } from '../api/queries'
import { noAsk, resultsQuery } from '../results/results-query'
import { Badge, StatusBadge, Tag } from '../ui/badge'
import { Button } from '../ui/button'
import { CopyButton } from '../ui/copy'
import { sentence } from '../ui/format'
import { Menu, MenuItem, MenuLine } from '../ui/menu'
import { useTell } from '../ui/toast'
import { DeleteDialog } from './delete-dialog'
import styles from './page.module.css'
import { ToggleDialog } from './toggle-dialog'

/** Beside stands beside the experiment's name: how it is. */
export function Beside({ experiment }: { readonly experiment: Experiment }) {
  return (
    <span className={styles.beside}>
      <StatusBadge status={experiment.status} />
      {experiment.phase > 1 && <Badge>Phase {experiment.phase}</Badge>}
    </span>
  )
}

/** About is the line below the name. */
export function About({ experiment }: { readonly experiment: Experiment }) {
  return (
    <span className={styles.about}>
      <span className={styles.key}>
        <code>{experiment.key}</code>
        <CopyButton text={experiment.key} label="Copy the key" />
      </span>
      {experiment.owner && <span>{experiment.owner}</span>}
      {experiment.tags.length > 0 && (
        <span className={styles.tags}>
          {experiment.tags.map((tag) => (
            <Tag key={tag}>{tag}</Tag>
          ))}
        </span>
      )}
      {experiment.ever_active && <Verdict experiment={experiment} />}
    </span>
  )
}

function Verdict({ experiment }: { readonly experiment: Experiment }) {
  const { data: results } = useQuery(resultsQuery(experiment.id, noAsk))
  if (!results) return null
  return (
    <Link href={`/console/experiments/${experiment.key}/results`} className={styles.verdict}>
      {sentence(results.verdict.text)}
    </Link>
  )
}

type Open = 'nothing' | 'toggle' | 'delete'

/** Actions are what can be done with an experiment. */
export function Actions({ experiment, unsaved, onDeleted }: { readonly experiment: Experiment; readonly unsaved: boolean; readonly onDeleted: () => void }) {
  const [open, setOpen] = useState<Open>('nothing')
  const [, navigate] = useLocation()
  const permission = usePermission()
  const tell = useTell()
  const close = (): void => setOpen('nothing')
  const why = permission.allowed ? null : permission.why
  const on = experiment.status === 'active'
  return (
    <>
      <Button kind={on ? 'plain' : 'primary'} disabledBecause={why} onClick={() => setOpen('toggle')}>
        <Power size={15} aria-hidden />
        {on ? 'Switch off…' : 'Switch on…'}
      </Button>
      <Menu
        trigger={
          <Button icon label="More">
            <Ellipsis size={16} aria-hidden />
          </Button>
        }
      >
        <MenuItem icon={CopyPlus} onSelect={() => navigate(`/console/experiments/new?from=${experiment.key}`)}>
          Duplicate
        </MenuItem>
        <MenuItem icon={SearchCode} onSelect={() => navigate(`/console/explain?experiment=${experiment.key}`)}>
          Explain a unit
        </MenuItem>
        <MenuItem
          icon={Braces}
          onSelect={() => {
            void navigator.clipboard.writeText(JSON.stringify(experiment, null, 2)).then(() => tell('Copied', 'The experiment as JSON'))
          }}
        >
          Copy as JSON
        </MenuItem>
        <MenuLine />
        <MenuItem icon={Trash2} danger disabledBecause={why} onSelect={() => setOpen('delete')}>
          Delete…
        </MenuItem>
      </Menu>
      {open === 'toggle' && <ToggleDialog experiment={experiment} unsaved={unsaved} onClose={close} />}
      {open === 'delete' && <DeleteDialog experiment={experiment} onDeleted={onDeleted} onClose={close} />}
    </>
  )
}
