import { ArrowDown, ArrowUp, Plus, Trash2 } from 'lucide-react'
import { useMemo } from 'react'
import { Button } from '../ui/button'
import { Field } from '../ui/field'
import { count, plural, share } from '../ui/format'
import { Panel } from '../ui/panel'
import { Note } from '../ui/states'
import { ParsedInput, readShare, useEditing, useError, writeShare } from './editing'
import styles from './editor.module.css'
import { Moves } from './moves'
import type { VariationSettings } from './settings'
import { sharesOf, weightsOf } from './split'
import { SplitPicture } from './split-picture'
import type { Previewed } from './use-preview'
import { VariationRow } from './variation-row'

export function VariationsSection({ previewed }: { readonly previewed: Previewed | null }) {
  const { draft, experiment } = useEditing()
  const { variations, traffic_ppm: traffic } = draft.settings
  const held = experiment?.split
  const shares = useMemo(() => sharesOf(variations, held), [variations, held])
  const weighted = variations.some((variation) => variation.weight > 0)
  const setVariations = (next: readonly VariationSettings[]): void => draft.set({ variations: next })
  const error = useError('variations')

  const setShares = (next: readonly number[]): void => {
    // Where the drag comes back to what was, the weights do too.
    const before = draft.base.variations.length === next.length ? draft.base.variations : variations
    const weights = weightsOf(next, before, held)
    setVariations(variations.map((variation, i) => ({ ...variation, weight: weights[i] ?? 0 })))
  }
  const move = (i: number, by: -1 | 1): void => {
    const next = [...variations]
    const [taken] = next.splice(i, 1)
    if (taken) next.splice(i + by, 0, taken)
    setVariations(next)
  }
  return (
    <Panel title="Variations and traffic" id="variations" about="The first is the control: whoever is not in the experiment gets its value">
      <div className="stack">
        <ol className={styles.variations}>
          {variations.map((variation, i) => (
            <VariationRow
              key={i}
              index={i}
              variation={variation}
              share={shares[i] ?? 0}
              kept={draft.base.variations.some((other) => other.key === variation.key)}
              onChange={(change) => setVariations(variations.map((each, j) => (j === i ? { ...each, ...change } : each)))}
              actions={
                <>
                  <Button kind="quiet" size="small" icon label={`Move ${variation.name || 'it'} up`} disabledBecause={i === 0 ? 'It is the first.' : null} onClick={() => move(i, -1)}>
                    <ArrowUp size={14} aria-hidden />
                  </Button>
                  <Button kind="quiet" size="small" icon label={`Move ${variation.name || 'it'} down`} disabledBecause={i === variations.length - 1 ? 'It is the last.' : null} onClick={() => move(i, 1)}>
                    <ArrowDown size={14} aria-hidden />
                  </Button>
                  <Button
                    kind="quiet"
                    size="small"
                    icon
                    label={`Remove ${variation.name || 'it'}`}
                    disabledBecause={variations.length === 2 ? 'Two are the fewest.' : null}
                    onClick={() => setVariations(variations.filter((_, j) => j !== i))}
                  >
                    <Trash2 size={14} aria-hidden />
                  </Button>
                </>
              }
            />
          ))}
        </ol>
        <div>
          <Button size="small" disabledBecause={variations.length === 64 ? '64 are the most.' : null} onClick={() => setVariations([...variations, another(variations)])}>
            <Plus size={14} aria-hidden />
            Add a variation
          </Button>
        </div>
        {!weighted && <Note tone="bad">At least one weight must be above 0.</Note>}
        {error && <Note tone="bad">{error}</Note>}
        {weighted && (
          <SplitPicture
            names={variations.map((variation) => variation.name || variation.key)}
            shares={shares}
            traffic={traffic}
            onShares={setShares}
            onTraffic={(ppm) => draft.set({ traffic_ppm: ppm })}
          />
        )}
        <div className={styles.traffic}>
          <Field label="Traffic, %" error={useError('traffic_ppm')}>
            <ParsedInput field="traffic_ppm" inputMode="decimal" value={traffic} format={writeShare} read={readShare} onValue={(ppm) => draft.set({ traffic_ppm: ppm })} />
          </Field>
          <p className={styles.hint}>Drag the boundaries, or move them by the arrow keys: by 1 %, with Shift by 0.1 %. Weights and traffic can be typed exactly.</p>
        </div>
        {previewed && <WhoMoves previewed={previewed} />}
      </div>
    </Panel>
  )
}

function another(variations: readonly VariationSettings[]): VariationSettings {
  let n = variations.length
  while (variations.some((variation) => variation.key === `variation-${n}`)) n++
  const control = variations[0]?.value
  const value = typeof control === 'string' ? `variation-${n}` : typeof control === 'number' ? n : (control ?? null)
  return { key: `variation-${n}`, name: `Variation ${n}`, value, weight: variations.at(-1)?.weight ?? 1 }
}

/** WhoMoves is what the server says of the edit: exactly who would change variations. */
function WhoMoves({ previewed: { preview, waiting } }: { readonly previewed: Previewed }) {
  const { draft, experiment } = useEditing()
  if (!experiment || !preview) return null
  const { base, settings } = draft
  const change = settings.traffic_ppm - base.traffic_ppm
  const keys = [...new Set([...preview.experiment.variations, ...experiment.variations].map((variation) => variation.key))]
  const size = (split: typeof experiment.split, key: string): number => split.filter((part) => part.variation === key).reduce((sum, part) => sum + part.to - part.from, 0)
  return (
    <section className={styles.moves} aria-label="What saving would do" aria-live="polite" aria-busy={waiting} data-waiting={waiting}>
      <h3>{preview.slots_moved === 0 ? 'Nobody moves to another variation' : `${share(preview.slots_moved)} of all units move: ${plural(preview.slots_moved, 'slot')}`}</h3>
      {change !== 0 && (
        <p className="soft">
          Traffic {share(base.traffic_ppm)} to {share(settings.traffic_ppm)}: {count(Math.abs(change))} slots of a million {change > 0 ? 'join' : 'leave'}, each with its own variation.
        </p>
      )}
      {preview.slots_moved > 0 && (
        <Moves
          moves={preview.moves}
          sides={keys.map((key, index) => ({ key, index, before: size(experiment.split, key), after: size(preview.experiment.split, key) }))}
        />
      )}
    </section>
  )
}
