package stats

import (
	"bytes"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// finiteFloat draws from all over the range and, as often, what adds up to little.
func finiteFloat() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) float64 {
			x := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
			if !finite(x) {
				return 0
			}
			return x
		}),
		rapid.Map(rapid.IntRange(-100_000, 100_000), func(cents int) float64 { return float64(cents) / 100 }),
		rapid.SampledFrom([]float64{
			math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e16, -1e16, 1, 0, math.Copysign(0, -1),
		}),
	)
}

func binaryForm(t rapid.TB, s *ExactSum) []byte {
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestExactSumIsTheRoundedSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOf(finiteFloat()).Draw(t, "xs")
		var sum, squares, products ExactSum
		want, wantSquares, wantProducts := new(big.Rat), new(big.Rat), new(big.Rat)
		for i, x := range xs {
			y := xs[len(xs)-1-i]
			sum.Add(x)
			squares.AddSquare(x)
			products.AddProduct(x, y)
			rx, ry := new(big.Rat).SetFloat64(x), new(big.Rat).SetFloat64(y)
			want.Add(want, rx)
			wantSquares.Add(wantSquares, new(big.Rat).Mul(rx, rx))
			wantProducts.Add(wantProducts, new(big.Rat).Mul(rx, ry))
		}
		for _, pair := range []struct {
			got  *ExactSum
			want *big.Rat
		}{{&sum, want}, {&squares, wantSquares}, {&products, wantProducts}} {
			if rounded, _ := pair.want.Float64(); pair.got.Float64() != rounded {
				t.Fatalf("got %v, want %v", pair.got.Float64(), rounded)
			}
			if pair.got.Sign() != pair.want.Sign() {
				t.Fatalf("sign %d, want %d", pair.got.Sign(), pair.want.Sign())
			}
		}
	})
}

func TestExactSumForgetsOrderShardsAndWhatWasTakenAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOf(finiteFloat()).Draw(t, "xs")
		passing := rapid.SliceOf(finiteFloat()).Draw(t, "passing")
		var straight ExactSum
		for _, x := range xs {
			straight.Add(x)
			straight.AddSquare(x)
			straight.AddProduct(x, 3)
		}
		shards := make([]ExactSum, rapid.IntRange(1, 16).Draw(t, "shards"))
		for _, x := range passing {
			shards[0].Add(x)
			shards[0].AddSquare(x)
			shards[0].AddProduct(x, 7)
		}
		for _, i := range rapid.Permutation(indices(len(xs))).Draw(t, "order") {
			shard := &shards[rapid.IntRange(0, len(shards)-1).Draw(t, "shard")]
			shard.AddProduct(3, xs[i])
			shard.AddSquare(xs[i])
			shard.Add(xs[i])
		}
		for i := 1; i < len(shards); i++ {
			shards[0].Merge(&shards[i])
		}
		for _, x := range passing {
			shards[0].SubSquare(x)
			shards[0].SubProduct(7, x)
			shards[0].Sub(x)
		}
		want, got := binaryForm(t, &straight), binaryForm(t, &shards[0])
		if !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
		var read ExactSum
		if err := read.UnmarshalBinary(got); err != nil {
			t.Fatal(err)
		}
		if read.Float64() != straight.Float64() || !bytes.Equal(binaryForm(t, &read), want) {
			t.Fatalf("read back %v, want %v", read.Float64(), straight.Float64())
		}
	})
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestExactSumOfOrdinaryDataIsSmall(t *testing.T) {
	var whole, cents, squares ExactSum
	for i := range 100_000 {
		whole.Add(float64(i % 50))
		cents.Add(float64(i%9973) / 100)
		squares.AddSquare(float64(i%9973) / 100)
	}
	for _, c := range []struct {
		name string
		sum  *ExactSum
		most int
	}{{"whole numbers", &whole, 4}, {"cents", &cents, 13}, {"their squares", &squares, 22}} {
		if size := len(binaryForm(t, c.sum)); size > c.most {
			t.Errorf("%s take %d bytes, want at most %d", c.name, size, c.most)
		}
	}
}

func TestExactSumLeavesOutWhatIsNotFinite(t *testing.T) {
	var sum ExactSum
	sum.Add(1.5)
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		sum.Add(x)
		sum.AddSquare(x)
		sum.AddProduct(2, x)
	}
	if sum.Float64() != 1.5 {
		t.Errorf("got %v, want 1.5", sum.Float64())
	}
}

func TestExactSumMergesWithItself(t *testing.T) {
	var sum ExactSum
	sum.Add(0.1)
	sum.Merge(&sum)
	if sum.Float64() != 0.2 {
		t.Errorf("got %v, want 0.2", sum.Float64())
	}
}

// FuzzExactSumUnmarshal: what is read is written back the same, all else refused.
func FuzzExactSumUnmarshal(f *testing.F) {
	for _, x := range []float64{0, 1, -0.1, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		var s ExactSum
		s.AddSquare(x)
		s.Add(x)
		f.Add(binaryForm(f, &s))
	}
	f.Add([]byte{0x80, 0x00, 0x01})
	f.Add([]byte{0x02, 0x02})
	f.Fuzz(func(t *testing.T, data []byte) {
		var s ExactSum
		if err := s.UnmarshalBinary(data); err != nil {
			return
		}
		if again := binaryForm(t, &s); !bytes.Equal(again, data) {
			t.Fatalf("%x was read, %x written", data, again)
		}
	})
}

func TestMomentsDoNotCancel(t *testing.T) {
	var sum, squares ExactSum
	for i := range 1000 {
		x := 1e15 + float64(i%2)
		sum.Add(x)
		squares.AddSquare(x)
	}
	got, want := Moments(1000, &sum, &squares), MomentsArm{1000, 1e15 + 0.5, 250}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if empty := Moments(0, &ExactSum{}, &ExactSum{}); empty != (MomentsArm{}) {
		t.Errorf("of nothing: %+v", empty)
	}
}
