package trackfault

import (
	"testing"

	"github.com/assaylabs/assay/internal/programs"

	// What the programs are made of: go test must not remember results over changes.
	_ "github.com/assaylabs/assay/edge"

	_ "github.com/assaylabs/assay/http"
	_ "github.com/assaylabs/assay/internal/control"
	_ "github.com/assaylabs/assay/internal/serving"
	_ "github.com/assaylabs/assay/tracking/fold"
)

func TestMain(m *testing.M) { programs.Main(m) }
