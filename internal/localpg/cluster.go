package localpg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/assaylabs/assay/internal/proc"
)

// oldestMajor is the oldest PostgreSQL whose binaries are taken.
const oldestMajor = 14

const initdbOptions = "-A trust --no-sync -E UTF8 -U " + Superuser

// binDirs lists the directories that hold PostgreSQL's programs, the best first:
// a distribution's own, newest first, are sure to be complete.
func binDirs(ctx context.Context) []string {
	var candidates []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return digits(b) - digits(a) })
		candidates = append(candidates, found...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		candidates = append(candidates, filepath.Dir(path))
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	candidates = append(candidates, "/usr/local/pgsql/bin", "/opt/homebrew/bin")

	var dirs []string
	for _, candidate := range candidates {
		// The programs find their libraries from where they really lie.
		initdb, err := filepath.EvalSymlinks(filepath.Join(candidate, "initdb"))
		if dir := filepath.Dir(initdb); err == nil && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// digits reads the version out of a path; 0 when there is none.
func digits(path string) int {
	n, _ := strconv.Atoi(strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' }), ""))
	return n
}

// prepare sees to it that the room holds a database, and returns the directory
// of programs that fit it: the first of dirs that works, else the download.
func (r *room) prepare(ctx context.Context, dirs []string, log io.Writer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	unfinished, _ := filepath.Glob(filepath.Join(r.dir, "data.new-*"))
	for _, dir := range unfinished {
		_ = os.RemoveAll(dir)
	}
	content, _ := os.ReadFile(filepath.Join(r.data(), "PG_VERSION"))
	existing, _ := strconv.Atoi(strings.TrimSpace(string(content)))
	var problems []string
	for _, dir := range dirs {
		err := r.use(ctx, dir, existing)
		if err == nil {
			return dir, nil
		}
		problems = append(problems, err.Error())
	}
	if existing == 0 || strings.HasPrefix(downloadVersion, strconv.Itoa(existing)+".") {
		dir, err := download(ctx, r.cache, log)
		if err == nil {
			err = r.use(ctx, dir, existing)
		}
		if err == nil {
			return dir, nil
		}
		problems = append(problems, err.Error())
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	wanted := "PostgreSQL"
	if existing > 0 {
		wanted = fmt.Sprintf("PostgreSQL %d, which made the data in %s,", existing, r.dir)
	}
	return "", fmt.Errorf("%s is missing: install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17). Tried: %s",
		wanted, strings.Join(problems, "; "))
}

// use makes the database with the programs in dir, or checks that they fit the
// one there is, whose major version is existing (0: none yet).
func (r *room) use(ctx context.Context, dir string, existing int) error {
	version, err := proc.Run(ctx, r.command(filepath.Join(dir, "postgres"), "--version"), r.owner)
	if err != nil {
		return err
	}
	_, number, _ := strings.Cut(version, "(PostgreSQL) ")
	major, err := strconv.Atoi(number[:max(0, strings.IndexAny(number, ". abdr\n"))])
	switch {
	case err != nil || major < oldestMajor:
		return fmt.Errorf("%s holds %q, and %d is the oldest that will do", dir, strings.TrimSpace(version), oldestMajor)
	case existing != 0 && existing != major:
		return fmt.Errorf("%s holds PostgreSQL %d", dir, major)
	case existing != 0:
		return nil
	case r.temporary:
		return r.copyTemplate(ctx, dir, version)
	}
	return r.build(r.data(), func(path string) error { return r.initdb(ctx, dir, path) })
}

// build fills the directory path, which appears whole or not at all.
func (r *room) build(path string, fill func(path string) error) error {
	work, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := r.give(work); err != nil {
		return err
	}
	if err := fill(work); err != nil {
		return err
	}
	return os.Rename(work, path)
}

func (r *room) initdb(ctx context.Context, bin, path string) error {
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} { // old systems lack the first
		args := append(strings.Fields(initdbOptions), "--locale="+locale, "-D", path)
		_, err = proc.Run(ctx, r.command(filepath.Join(bin, "initdb"), args...), r.owner)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

// copyTemplate copies a database that was initialised earlier, which takes a
// tenth of the time. Without a place for it the database is initialised afresh.
func (r *room) copyTemplate(ctx context.Context, bin, version string) error {
	initdb := func(path string) error { return r.initdb(ctx, bin, path) }
	if makeOpen(r.cache) != nil || !r.reaches(r.cache) {
		return r.build(r.data(), initdb)
	}
	id := sha256.Sum256(fmt.Append(nil, bin, version, initdbOptions, r.owner))
	template := filepath.Join(r.cache, fmt.Sprintf("template-%x", id[:8]))
	if _, err := os.Stat(template); err != nil {
		if err := r.build(template, initdb); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return r.build(r.data(), func(path string) error {
		_, err := proc.Run(ctx, r.command("cp", "-a", template+"/.", path), r.owner)
		return err
	})
}
