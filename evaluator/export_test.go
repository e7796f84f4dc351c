package evaluator

// SplitAt is the variation that a slot of the experiment's split belongs to.
func SplitAt(e *Experiment, slot int) string {
	if more := e.rule.more; more != nil && more.split != nil {
		return e.variations[more.split[find(more.split, uint32(slot))].variation].Key
	}
	return e.variations[e.rule.arm(uint32(slot))].Key
}
