package projections_test

import (
	"testing"

	"github.com/assaylabs/assay/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
