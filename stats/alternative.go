package stats

// An Alternative says which effects a test looks for.
type Alternative string

// The alternatives.
const (
	TwoSided Alternative = "two-sided"
	Greater  Alternative = "greater" // the treatment's is greater
	Less     Alternative = "less"
)
