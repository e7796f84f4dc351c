import { Page } from '../ui/page'

export default function SegmentsPage() {
  return (
    <Page title="Segments">
      <p className="soft">Being built.</p>
    </Page>
  )
}
