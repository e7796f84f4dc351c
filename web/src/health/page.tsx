import { Page } from '../ui/page'

export default function HealthPage() {
  return (
    <Page title="Health">
      <p className="soft">Being built.</p>
    </Page>
  )
}
