import '@fontsource-variable/inter/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { askSession } from './api/session'
import { App } from './app'

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')
// Who is there is asked while the page is drawn.
const asked = askSession()
createRoot(root).render(
  <StrictMode>
    <App asked={asked} />
  </StrictMode>,
)
