package trackfault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assaylabs/assay/internal/pgtest"

	// What the programs are made of: go test must not remember results over changes.
	_ "github.com/assaylabs/assay/edge"
	_ "github.com/assaylabs/assay/http"
	_ "github.com/assaylabs/assay/internal/control"
	_ "github.com/assaylabs/assay/internal/serving"
	_ "github.com/assaylabs/assay/tracking/fold"
)

// programsVariable names the directory of the programs under test.
const programsVariable = "ASSAY_TEST_PROGRAMS"

func TestMain(m *testing.M) { os.Exit(withPrograms(m)) }

// withPrograms builds both programs once for all tests.
func withPrograms(m *testing.M) int {
	if os.Getenv(programsVariable) == "" {
		dir, err := os.MkdirTemp("", "assay-trackfault-")
		if err == nil {
			defer os.RemoveAll(dir)
			err = build(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "trackfault:", err)
			return 1
		}
	}
	return pgtest.Run(m)
}

func build(dir string) error {
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if raceDetector {
		args = append(args, "-race")
	}
	args = append(args, "github.com/assaylabs/assay/cmd/assay", "github.com/assaylabs/assay/cmd/assay-edge")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return os.Setenv(programsVariable, dir)
}
