import { Page } from '../ui/page'

export default function HoldoutsPage() {
  return (
    <Page title="Holdouts">
      <p className="soft">Being built.</p>
    </Page>
  )
}
