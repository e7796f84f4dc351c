import { Page } from '../ui/page'

export default function LedgerPage() {
  return (
    <Page title="Ledger">
      <p className="soft">Being built.</p>
    </Page>
  )
}
