import { Page } from '../ui/page'

export default function ExperimentsPage() {
  return (
    <Page title="Experiments">
      <p className="soft">Being built.</p>
    </Page>
  )
}
