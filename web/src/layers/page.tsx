import { Page } from '../ui/page'

export default function LayersPage() {
  return (
    <Page title="Layers">
      <p className="soft">Being built.</p>
    </Page>
  )
}
