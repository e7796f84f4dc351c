import { Dialog } from '../ui/dialog'

export default function Palette({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Find" onClose={onClose}>
      Being built.
    </Dialog>
  )
}
