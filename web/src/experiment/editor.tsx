import type { ReactNode } from 'react'
import { AnalysisSection } from './analysis-section'
import { AudienceSection } from './audience-section'
import { BasicsSection } from './basics-section'
import styles from './editor.module.css'
import { LayerSection } from './layer-section'
import { MetricsSection } from './metrics-section'
import { OverridesSection } from './overrides-section'
import { PrerequisitesSection } from './prerequisites-section'
import { ScheduleSection } from './schedule-section'
import type { Previewed } from './use-preview'
import { VariationsSection } from './variations-section'

const sections: readonly (readonly [string, string])[] = [
  ['basics', 'Basics'],
  ['variations', 'Variations and traffic'],
  ['audience', 'Audience'],
  ['layer', 'Layer and holdouts'],
  ['prerequisites', 'Prerequisites'],
  ['overrides', 'Overrides'],
  ['metrics', 'Metrics'],
  ['analysis', 'Analysis'],
  ['schedule', 'Schedule'],
]

/** Editor is the form of an experiment's settings, for one that is there as for a new one. */
export function Editor({ previewed, first }: { readonly previewed: Previewed | null; readonly first?: ReactNode }) {
  return (
    <div className={styles.editor}>
      <nav className={styles.contents} aria-label="Sections">
        {sections.map(([id, text]) => (
          <a key={id} href={`#${id}`}>
            {text}
          </a>
        ))}
      </nav>
      <div className="stack">
        <BasicsSection>{first}</BasicsSection>
        <VariationsSection previewed={previewed} />
        <AudienceSection />
        <LayerSection />
        <PrerequisitesSection />
        <OverridesSection />
        <MetricsSection />
        <AnalysisSection />
        <ScheduleSection />
      </div>
    </div>
  )
}
