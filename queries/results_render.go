package queries

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json"

	"github.com/assaylabs/assay/domain"
)

// render makes the document, or finds that it was made.
func (r *results) render(u *ruling, c *counted, pair Pair, o ResultsOptions) (Readout, error) {
	key := readoutKey{phaseKey{u.last.ID, u.phase}, pair, o.query()}
	if known, ok := r.readouts.Get(key); ok {
		return known, nil
	}
	doc, err := r.judge(u, c, pair, o)
	if err != nil {
		return Readout{}, err
	}
	made, err := seal(doc)
	if err == nil {
		r.readouts.Add(key, made)
	}
	return made, err
}

// seal encodes results with their hash.
func seal(doc *Results) (Readout, error) {
	doc.Hash = ""
	body, err := domain.Encode(doc)
	if err != nil {
		return Readout{}, err
	}
	sum := sha256.Sum256(body)
	doc.Hash = hex.EncodeToString(sum[:])
	body, err = domain.Encode(doc)
	return Readout{Body: body, Hash: doc.Hash}, err
}

// readoutOf is the readout that a body was.
func readoutOf(body []byte) Readout {
	var doc struct {
		Hash string `json:"hash"`
	}
	_ = json.Unmarshal(body, &doc) // what was kept was encoded here
	return Readout{Body: body, Hash: doc.Hash}
}
