import { Page } from '../ui/page'

export default function ReportsPage() {
  return (
    <Page title="Daily report">
      <p className="soft">Being built.</p>
    </Page>
  )
}
