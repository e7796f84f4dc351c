import { Page } from '../ui/page'

export default function ExplainPage() {
  return (
    <Page title="Explain">
      <p className="soft">Being built.</p>
    </Page>
  )
}
