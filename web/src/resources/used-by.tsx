import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { experimentsQuery, type Experiment } from '../api/queries'
import { StatusBadge } from '../ui/badge'
import styles from './used-by.module.css'

/** UsedBy lists the experiments that use something. */
export function UsedBy({ uses, none }: { readonly uses: (experiment: Experiment) => boolean; readonly none: string }) {
  const { data } = useQuery(experimentsQuery)
  const users = data?.filter(uses)
  return (
    <section>
      <h3>Used by</h3>
      {users && users.length === 0 && <p className="soft">{none}</p>}
      <ul className={styles.list}>
        {users?.map((experiment) => (
          <li key={experiment.id}>
            <Link href={`/console/experiments/${experiment.key}`}>{experiment.name}</Link>
            <StatusBadge status={experiment.status} />
          </li>
        ))}
      </ul>
    </section>
  )
}

/** UseCount is how many experiments use something. */
export function UseCount({ uses }: { readonly uses: (experiment: Experiment) => boolean }) {
  const { data } = useQuery(experimentsQuery)
  const n = data?.filter(uses).length ?? 0
  return n === 0 ? <span className="faint">–</span> : <>{n}</>
}
