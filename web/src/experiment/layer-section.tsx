import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { holdoutsQuery, layersQuery, type Layer } from '../api/queries'
import { Field, Select } from '../ui/field'
import { plural, share } from '../ui/format'
import { Panel } from '../ui/panel'
import { LayerBar } from './bars'
import { ParsedInput, readShare, useEditing, useError, writeShare } from './editing'
import styles from './editor.module.css'
import { inScope } from './overview'
import type { LayerSettings } from './settings'

const sizeOf = (layer: LayerSettings | undefined): number => (layer?.slots ?? []).reduce((sum, part) => sum + part.to - part.from, 0)

export function LayerSection() {
  const { draft, experiment } = useEditing()
  const { settings, base } = draft
  const { data: layers = [] } = useQuery(layersQuery)
  const { data: holdouts } = useQuery(holdoutsQuery)
  const layer = layers.find((each) => each.key === settings.layer?.key)
  // What it holds already counts as free to itself.
  const free = (each: Layer): number => (each.free_ppm ?? 0) + (each.key === experiment?.layer?.key ? sizeOf(experiment.layer) : 0)
  const choose = (key: string): void => {
    const next = layers.find((each) => each.key === key)
    if (!next) return draft.set({ layer: undefined })
    if (base.layer?.key === key) return draft.set({ layer: base.layer })
    draft.set({ layer: next.mode === 'ordered' ? { key } : { key, share_ppm: Math.max(1, free(next)) } })
  }
  const scoped = (holdouts ?? []).filter((holdout) => inScope(holdout, { tags: settings.tags, ...(experiment && { key: experiment.key }) }))
  const wanted = settings.layer?.share_ppm ?? sizeOf(settings.layer)
  const shareError = useError('layer.share_ppm')
  const keyError = useError('layer.key')
  const layerError = useError('layer')
  return (
    <Panel title="Layer and holdouts" id="layer" about="Experiments of one layer never share a unit">
      <div className={styles.grid}>
        <Field label="Layer" error={keyError ?? layerError}>
          <Select value={settings.layer?.key ?? ''} onChange={(event) => choose(event.target.value)}>
            <option value="">None: it overlaps with others</option>
            {layers.map((each) => (
              <option key={each.key} value={each.key} disabled={each.unit_type !== settings.unit_type}>
                {each.name} ({each.unit_type !== settings.unit_type ? `of ${each.unit_type}` : each.mode === 'ordered' ? `ordered, ${plural(each.order.length, 'experiment')}` : `${share(free(each))} free`})
              </option>
            ))}
          </Select>
        </Field>
        {layer?.mode === 'random' && (
          <Field
            label="Share of the layer, %"
            error={shareError ?? (wanted > free(layer) ? `Only ${share(free(layer))} is free.` : undefined)}
            hint={`${share(free(layer))} is free to it. Slots that it holds stay; it takes the lowest free ones besides.`}
          >
            <ParsedInput
              field="layer.share_ppm"
              inputMode="decimal"
              value={wanted}
              format={writeShare}
              read={(text) => {
                const read = readShare(text)
                return read && read.value > 0 ? read : undefined
              }}
              onValue={(ppm) => draft.set({ layer: base.layer?.key === layer.key && sizeOf(base.layer) === ppm ? base.layer : { key: layer.key, share_ppm: ppm } })}
            />
          </Field>
        )}
        {layer?.mode === 'random' && (
          <div className={styles.full}>
            <LayerBar occupancy={layer.occupancy ?? []} mine={experiment?.layer?.key === layer.key ? (experiment.layer.slots ?? []) : []} experiment={experiment?.key ?? ''} />
          </div>
        )}
        {layer?.mode === 'ordered' && (
          <p className={`soft ${styles.full} ${styles.links}`}>
            An ordered layer gives a unit to the first experiment that takes it: {layer.order.join(', ') || 'none yet'}. <Link href={`/console/layers?layer=${layer.key}`}>Change the order</Link> there.
          </p>
        )}
        <div className={styles.full}>
          <h3 className={styles.small}>Holdouts in scope</h3>
          {scoped.length === 0 ? (
            <p className="soft">None: no holdout names it or one of its tags.</p>
          ) : (
            <ul className={styles.links}>
              {scoped.map((holdout) => (
                <li key={holdout.key}>
                  <Link href={`/console/holdouts?holdout=${holdout.key}`}>{holdout.name}</Link> <span className="soft">keeps {share(holdout.share_ppm)} of units out, by {holdout.experiments.includes(experiment?.key ?? '') ? 'its key' : 'its tags'}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </Panel>
  )
}
