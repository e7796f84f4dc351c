import { Page } from '../ui/page'

export default function KeysPage() {
  return (
    <Page title="Keys">
      <p className="soft">Being built.</p>
    </Page>
  )
}
