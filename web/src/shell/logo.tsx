/** Logo is the mark: an A on the touchstone. */
export function Logo({ size = 24 }: { readonly size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden>
      <rect width="32" height="32" rx="8" style={{ fill: 'light-dark(#15233f, #22345c)' }} />
      <path d="M9 23 15 8.5a1.1 1.1 0 0 1 2 0L23 23" fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round" />
      <path d="M12.2 18.4h7.6" stroke="#e5b454" strokeWidth="2.6" strokeLinecap="round" />
    </svg>
  )
}
