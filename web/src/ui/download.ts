import { useCallback } from 'react'
import { asProblem, url, type Request } from '../api/client'
import { useTell } from './toast'

export type Download = (path: string, query: Request['query'], name: string) => void

/** useDownloadCSV saves what a path answers as CSV, or tells why not. */
export function useDownloadCSV(): Download {
  const tell = useTell()
  return useCallback(
    (path, query, name) => {
      save(path, query, name).catch((problem: unknown) => tell('Nothing was saved', asProblem(problem).message, 'bad'))
    },
    [tell],
  )
}

async function save(path: string, query: Request['query'], name: string): Promise<void> {
  const response = await fetch(url(path, query), { headers: { Accept: 'text/csv' } })
  if (!response.ok) throw new Error(`The server answered ${response.status}.`)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await response.blob())
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
