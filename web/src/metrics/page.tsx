import { Page } from '../ui/page'

export default function MetricsPage() {
  return (
    <Page title="Metrics">
      <p className="soft">Being built.</p>
    </Page>
  )
}
