import { useState } from 'react'
import { CopyButton } from '../ui/copy'
import { Choice } from '../ui/field'
import { Panel } from '../ui/panel'
import styles from './explain.module.css'
import { curl, openFeatureGo, openFeatureWeb, type Question } from './snippets'

const kinds = { curl, web: openFeatureWeb, go: openFeatureGo } as const
type Kind = keyof typeof kinds

/** Snippets is the same question for a terminal or a program. */
export function Snippets({ question }: { readonly question: Question }) {
  const [kind, setKind] = useState<Kind>('curl')
  const text = kinds[kind](question)
  return (
    <Panel title="The same from elsewhere">
      <div className={styles.snippets}>
        <Choice
          label="As"
          value={kind}
          options={[
            { value: 'curl', text: 'curl' },
            { value: 'web', text: 'OpenFeature, web' },
            { value: 'go', text: 'OpenFeature, Go' },
          ]}
          onChange={setKind}
        />
        <CopyButton text={text} />
      </div>
      <pre className={styles.snippet} tabIndex={0}>
        {text}
      </pre>
    </Panel>
  )
}
