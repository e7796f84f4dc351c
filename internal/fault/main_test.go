package fault

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assaylabs/assay/internal/pgtest"
)

// programVariable names a program to test instead of building one.
const programVariable = "ASSAY_TEST_PROGRAM"

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

// withProgram builds the program once for all tests.
func withProgram(m *testing.M) int {
	if os.Getenv(programVariable) == "" {
		dir, err := os.MkdirTemp("", "assay-fault-")
		if err == nil {
			defer os.RemoveAll(dir)
			err = build(filepath.Join(dir, "assay"))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "fault:", err)
			return 1
		}
	}
	return pgtest.Run(m)
}

func build(path string) error {
	args := []string{"build", "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/assaylabs/assay/cmd/assay")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return os.Setenv(programVariable, path)
}
