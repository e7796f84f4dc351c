package domain

// ParseStatus reads a status.
func ParseStatus(s string) (Status, error) {
	return Status(s), oneOf("status", s, string(Active), string(Inactive))
}

// SetStatus decides to switch an experiment on or off. Setting the status that
// it has yields no change.
func (c *Catalog) SetStatus(e *Experiment, to Status) ([]Change, error) {
	if _, err := ParseStatus(string(to)); err != nil {
		return nil, err
	}
	if e.Status == to {
		return nil, nil
	}
	return []Change{{e.stream(), StatusChanged{Old: e.Status, New: to}}}, nil
}
