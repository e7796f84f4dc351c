import styles from './variation.module.css'

const colours = 8

/** variationColour is the colour of the variation at an index, 0 the control. */
export function variationColour(index: number): string {
  return `var(--variation-${index <= 0 ? 0 : ((index - 1) % (colours - 1)) + 1})`
}

/** VariationName names a variation beside its colour. */
export function VariationName({ index, name }: { readonly index: number; readonly name: string }) {
  return (
    <span className={styles.name}>
      <span className={styles.swatch} style={{ background: variationColour(index) }} aria-hidden />
      <span className="truncate">{name}</span>
    </span>
  )
}
