package tallymodel

import (
	"math/big"

	"github.com/assaylabs/assay/tracking/tally"
)

// book holds cells.
type book map[tally.CellKey]tally.Cell

// add adds a cell so many times.
func (b book) add(key tally.CellKey, cell tally.Cell, times int64) {
	sum := b[key]
	sum.N += times * cell.N
	for i, n := range cell.Sums {
		if n == nil {
			continue
		}
		product := new(big.Int).Mul(n, big.NewInt(times))
		if sum.Sums[i] != nil {
			product.Add(product, sum.Sums[i])
		}
		sum.Sums[i] = product
	}
	if len(cell.Sketch) > 0 && sum.Sketch == nil {
		sum.Sketch = tally.Sketch{}
	}
	for place, of := range cell.Sketch {
		had := sum.Sketch[place]
		sum.Sketch[place] = tally.Bucket{
			Events: had.Events + times*of.Events, Squares: had.Squares + times*of.Squares, Products: had.Products + times*of.Products,
		}
	}
	b[key] = sum
}

// close strikes out what is 0.
func (b book) close() map[tally.CellKey]tally.Cell {
	for key, cell := range b {
		zero := cell.N == 0
		for i, n := range cell.Sums {
			if n != nil && n.Sign() == 0 {
				cell.Sums[i] = nil
			}
			zero = zero && cell.Sums[i] == nil
		}
		for place, of := range cell.Sketch {
			if of == (tally.Bucket{}) {
				delete(cell.Sketch, place)
			}
		}
		if len(cell.Sketch) == 0 {
			cell.Sketch = nil
		}
		if b[key] = cell; zero && cell.Sketch == nil {
			delete(b, key)
		}
	}
	return b
}
