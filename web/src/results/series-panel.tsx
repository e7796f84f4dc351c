import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import type { Results } from '../api/queries'
import { count, date, signedPercent } from '../ui/format'
import { Panel } from '../ui/panel'
import { Loading } from '../ui/states'
import { VariationName } from '../ui/variation'
import styles from './results.module.css'
import { resultsQuery, type Ask } from './results-query'

const SeriesChart = lazy(() => import('./series-chart'))

/** SeriesPanel shows how one metric's lift has settled, the numbers beside the picture. */
export function SeriesPanel({ results, ask, metric }: { readonly results: Results; readonly ask: Ask; readonly metric: string }) {
  const has = results.metrics.find((m) => m.metric === metric)?.series
  // Only primary metrics bring their series along.
  const { data: more } = useQuery({ ...resultsQuery(results.experiment.id, { ...ask, metric }), enabled: has === undefined })
  const found = (has === undefined ? more : results)?.metrics.find((m) => m.metric === metric)
  const days = found?.series
  const { variations } = results.experiment
  return (
    <Panel title={`${found?.name ?? metric}, day by day`} about="Cumulative: each day holds all up to its end">
      {days === undefined ? (
        <Loading lines={5} />
      ) : days.length === 0 ? (
        <p className="soft">The first day is not over yet.</p>
      ) : (
        <div className={styles.chart}>
          <div>
            <div className={styles.legend}>
              {variations.slice(1).map((name, index) => (
                <VariationName key={name} index={index + 1} name={name} />
              ))}
              <span className="faint">line: lift over {variations[0]}; area: its interval</span>
            </div>
            <Suspense fallback={<Loading lines={5} />}>
              <SeriesChart days={days} variations={variations} />
            </Suspense>
          </div>
          <div className={styles.numbers} tabIndex={0} role="region" aria-label="The numbers by day">
            <table>
              <thead>
                <tr>
                  <th scope="col">Day</th>
                  <th scope="col">Units</th>
                  {variations.slice(1).map((name) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {days.toReversed().map((day) => (
                  <tr key={day.date}>
                    <td>{date(day.date)}</td>
                    <td>{count(day.variations.reduce((total, arm) => total + arm.units, 0))}</td>
                    {day.variations.slice(1).map((arm, index) => (
                      <td key={variations[index + 1]} title={arm.lift_ci ? arm.lift_ci.map((end) => (end === null ? '∞' : signedPercent(end))).join(' to ') : undefined}>
                        {arm.lift === null ? '–' : signedPercent(arm.lift)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </Panel>
  )
}
