// Runs before the first paint: the theme that was chosen, else the system's.
try {
  const theme = localStorage.getItem('assay.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {}
