import { Page } from '../ui/page'

export default function ExperimentPage() {
  return (
    <Page title="Experiment">
      <p className="soft">Being built.</p>
    </Page>
  )
}
