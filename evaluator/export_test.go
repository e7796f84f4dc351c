package evaluator

// SplitAt is the variation that a slot of the experiment's split belongs to.
func SplitAt(e *Experiment, slot int) string {
	split := e.snapshot.rules[e.index].split
	return e.variations[split[find(split, uint32(slot))].variation].Key
}
