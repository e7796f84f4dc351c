import { useQuery, type UseQueryOptions } from '@tanstack/react-query'
import { Plus, Search, type LucideIcon } from 'lucide-react'
import { useMemo, useRef, useState, type ReactNode } from 'react'
import { useSearchParams } from 'wouter'
import { usePermission } from '../api/permission'
import type { ResourcePath } from '../api/queries'
import type { Problem } from '../api/client'
import { Button } from '../ui/button'
import { TextInput } from '../ui/field'
import { useShortcuts } from '../ui/keys'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { Empty, Failed, Loading } from '../ui/states'
import { Table } from '../ui/table'
import { ResourceDialog } from './resource-dialog'
import styles from './resources.module.css'

/** Entity is what every building block has. */
export interface Entity {
  readonly id: string
  readonly key: string
  readonly name: string
  readonly version: number
  readonly updated_at: string
}

export interface Column<T> {
  readonly title: string
  readonly number?: boolean
  readonly cell: (item: T) => ReactNode
}

export interface FormProps<D> {
  readonly draft: D
  readonly set: (change: Partial<D>) => void
  /** What the server refused, by field. */
  readonly problem: Problem | null
  readonly isNew: boolean
}

/** Resource says how the building blocks of one kind are listed, made and changed. */
export interface Resource<T extends Entity, D extends object> {
  readonly title: string
  readonly about: string
  readonly noun: string
  readonly icon: LucideIcon
  readonly emptyText: string
  readonly path: ResourcePath
  readonly need: 'editor' | 'admin'
  readonly columns: readonly Column<T>[]
  readonly blank: D
  readonly draftOf: (item: T) => D
  /** The body of a new one; undefined members are left out. */
  readonly createBody: (draft: D) => Readonly<Record<string, unknown>>
  /** The members that a patch may have, made from a draft: those that differ are sent. */
  readonly patchable: (draft: D) => Readonly<Record<string, unknown>>
  readonly Form: (props: FormProps<D>) => ReactNode
  /** What is shown of one besides its form. */
  readonly Detail?: (props: { readonly item: T }) => ReactNode
  /** What deleting is called, where it is not deleting. */
  readonly deleteVerb?: string
  /** Called with the answer to a creation. */
  readonly onCreated?: (answer: unknown) => void
}

export interface ResourcePageProps<T extends Entity, D extends object> {
  readonly resource: Resource<T, D>
  readonly query: UseQueryOptions<readonly T[], Error, readonly T[], string[]>
  readonly children?: ReactNode
}

/** ResourcePage lists the building blocks of one kind; the address says which one is open. */
export function ResourcePage<T extends Entity, D extends object>({ resource, query, children }: ResourcePageProps<T, D>) {
  const [params, setParams] = useSearchParams()
  const [text, setText] = useState('')
  const search = useRef<HTMLInputElement>(null)
  const permission = usePermission(resource.need)
  const { data: items, error, refetch } = useQuery(query)
  const open = (key: string | null): void =>
    setParams((now) => {
      const to = new URLSearchParams(now)
      to.delete('key')
      to.delete('new')
      if (key === '') to.set('new', '')
      else if (key !== null) to.set('key', key)
      return to
    })
  useShortcuts({
    '/': () => search.current?.focus(),
    n: () => {
      if (permission.allowed) open('')
    },
  })
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean)
    return items?.filter((item) => words.every((word) => `${item.name} ${item.key}`.toLowerCase().includes(word))) ?? []
  }, [items, text])
  const chosen = items?.find((item) => item.key === params.get('key'))
  const create = (
    <Button kind="primary" disabledBecause={permission.allowed ? null : permission.why} onClick={() => open('')}>
      <Plus size={16} aria-hidden />
      New {resource.noun}
    </Button>
  )
  return (
    <Page title={resource.title} about={resource.about} actions={create}>
      {children}
      <Panel flush>
        {!items ? (
          error ? (
            <Failed error={error} onRetry={() => void refetch()} />
          ) : (
            <Loading lines={6} />
          )
        ) : items.length === 0 ? (
          <Empty icon={resource.icon} title={`No ${resource.noun} yet`} actions={create}>
            {resource.emptyText}
          </Empty>
        ) : (
          <>
            {items.length > 8 && (
              <div className={styles.search}>
                <Search size={15} aria-hidden />
                <TextInput ref={search} type="search" aria-label={`Search ${resource.title.toLowerCase()}`} placeholder="Search name or key…" value={text} onChange={(event) => setText(event.target.value)} />
              </div>
            )}
            <div tabIndex={0} role="region" aria-label={resource.title} className={styles.scroll}>
              <Rows resource={resource} items={shown} onOpen={open} />
            </div>
          </>
        )}
      </Panel>
      {params.has('new') && <ResourceDialog resource={resource} item={null} onClose={() => open(null)} />}
      {chosen && <ResourceDialog key={chosen.id} resource={resource} item={chosen} onClose={() => open(null)} />}
    </Page>
  )
}

function Rows<T extends Entity, D extends object>({ resource, items, onOpen }: { readonly resource: Resource<T, D>; readonly items: readonly T[]; readonly onOpen: (key: string) => void }) {
  if (items.length === 0) return <p className={styles.nothing}>Nothing fits the search.</p>
  return (
    <Table aria-label={resource.title}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          {resource.columns.map((column) => (
            <th key={column.title} scope="col" data-number={column.number || undefined}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={item.id}>
            <td className={styles.name}>
              <button type="button" onClick={() => onOpen(item.key)}>
                {item.name}
              </button>
              <span className="code faint">{item.key}</span>
            </td>
            {resource.columns.map((column) => (
              <td key={column.title} data-number={column.number || undefined}>
                {column.cell(item)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </Table>
  )
}
