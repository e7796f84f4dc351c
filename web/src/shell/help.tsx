import { Dialog } from '../ui/dialog'
import styles from './help.module.css'
import { places } from './nav'

const list: readonly (readonly [string, string])[] = [
  ['/', 'search the list'],
  ['j  k', 'next, previous row'],
  ['Enter', 'open the row'],
  ['x', 'select the row'],
  ['n', 'new experiment'],
]

const anywhere: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'find anything'],
  ['?', 'this help'],
  ['Esc', 'close what is open'],
]

/** Help lists the keys and says where more is written. */
export default function Help({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard and help" wide onClose={onClose}>
      <div className={styles.columns}>
        <div className="stack">
          <Keys title="Anywhere" keys={anywhere} />
          <Keys title="In the list of experiments" keys={list} />
          <p className="soft">
            The API is described at <a href="/docs">/docs</a>, for programs at <a href="/openapi.json">/openapi.json</a>.
          </p>
        </div>
        <Keys title="Go to" keys={places.flatMap((group) => group.items).map((place) => [`g ${place.letter}`, place.text] as const)} />
      </div>
    </Dialog>
  )
}

function Keys({ title, keys }: { readonly title: string; readonly keys: readonly (readonly [string, string])[] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl className={styles.list}>
        {keys.map(([key, what]) => (
          <div key={key} style={{ display: 'contents' }}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
