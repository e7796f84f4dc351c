import { queryOptions } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'
import type { DailyReport } from '../api/queries'

export type DailySummary = Schemas['DailySummary']

const day = 86_400_000 // milliseconds
export const yearLength = 364 // days before today that the calendar shows

/** dateOf is the day (UTC) of a moment in milliseconds, as the API writes it. */
export const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** shift is the date some days later. */
export const shift = (date: string, days: number): string => dateOf(Date.parse(date) + days * day)

export const calendarQuery = (from: string, to: string) =>
  queryOptions({
    queryKey: ['ledger', 'calendar', from, to],
    queryFn: async ({ signal }) => (await get<Schemas['DailySummaries']>('/reports/calendar', { from, to }, signal)).items,
  })

export const dailyQuery = (date: string) =>
  queryOptions({
    queryKey: ['ledger', 'daily', date],
    queryFn: ({ signal }) => get<DailyReport>(`/reports/daily/${date}`, {}, signal),
    retry: false,
  })
