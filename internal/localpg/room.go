package localpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/assaylabs/assay/internal/proc"
)

const (
	tempPrefix = "assay-pg-"
	// pointerName is a file in the wanted directory that names the real one,
	// where the database's user cannot reach the wanted one.
	pointerName = "moved-to"
)

// room is the directory of one server: data/ and lock.
type room struct {
	dir       string
	cache     string     // downloads and templates, for all rooms
	owner     *proc.User // who runs the server; nil: whoever runs this process
	lock      *os.File
	temporary bool
}

// openRoom makes and locks the directory and ends whatever still runs in it.
func openRoom(dir string, inMemory bool) (*room, error) {
	if dir == "" {
		return openTemporary(inMemory)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r := &room{dir: dir, cache: cacheDir()}
	if at, err := os.ReadFile(filepath.Join(dir, pointerName)); err == nil {
		r.dir = strings.TrimSpace(string(at))
	}
	if r.owner, err = r.chooseOwner(); err != nil {
		return nil, err
	}
	if err := r.settle(dir); err != nil {
		return nil, err
	}
	if r.lock, err = proc.Lock(filepath.Join(r.dir, "lock")); err != nil {
		return nil, err
	}
	if err := r.stopAbandoned(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func openTemporary(inMemory bool) (*room, error) {
	r := &room{cache: cacheDir(), temporary: true}
	var err error
	if r.owner, err = r.chooseOwner(); err != nil {
		return nil, err
	}
	r.dir, r.lock, err = proc.TempDir(r.tempParent(inMemory), tempPrefix, func(dir string) {
		_ = (&room{dir: dir}).stopAbandoned()
	})
	if err != nil {
		return nil, err
	}
	if err := r.give(r.dir); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// close gives the directory up, and removes it when it was temporary.
func (r *room) close() error {
	var err error
	if r.temporary {
		err = os.RemoveAll(r.dir)
	}
	if errLock := r.lock.Close(); !errors.Is(errLock, os.ErrClosed) {
		err = errors.Join(err, errLock)
	}
	return err
}

func (r *room) data() string { return filepath.Join(r.dir, "data") }

// chooseOwner returns nobody where this process may run PostgreSQL itself. Root
// may not: there it is the owner of the data, or for new data the user postgres,
// or nobody's user.
func (r *room) chooseOwner() (*proc.User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if r.dir != "" {
		if data, err := os.Stat(r.data()); err == nil && proc.Owner(data).UID != 0 {
			owner := proc.Owner(data)
			return &owner, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		if errUID == nil && errGID == nil && uid != 0 {
			return &proc.User{UID: uint32(uid), GID: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// settle makes r.dir, for the owner alone. Where the owner could not reach it
// the directory is made elsewhere and a pointer to it left in wanted.
func (r *room) settle(wanted string) error {
	if _, err := os.Stat(r.data()); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.dir), 0o755); err != nil {
		return err
	}
	if !r.reaches(filepath.Dir(r.dir)) {
		dir, err := r.elsewhere()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(wanted, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(wanted, pointerName), []byte(dir+"\n"), 0o644); err != nil {
			return err
		}
		r.dir = dir
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	return r.give(r.dir)
}

// elsewhere makes a directory that outlives reboots and that the owner reaches.
func (r *room) elsewhere() (string, error) {
	for _, parent := range []string{"/var/lib/assay", "/var/tmp"} {
		if makeOpen(parent) != nil || !r.reaches(parent) {
			continue
		}
		if dir, err := os.MkdirTemp(parent, "postgres-"); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%s is closed to the user PostgreSQL runs as, and so are /var/lib and /var/tmp", r.dir)
}

// memoryFree is what has to be free in memory for a server's data to go there.
const memoryFree = 2 << 30

func (r *room) tempParent(inMemory bool) string {
	parents := []string{filepath.Clean(os.TempDir()), "/var/tmp", "/tmp"}
	if inMemory {
		if dir := proc.Memory(memoryFree); dir != "" {
			parents = slices.Insert(parents, 0, dir)
		}
	}
	if i := slices.IndexFunc(parents, r.reaches); i >= 0 {
		return parents[i]
	}
	return parents[0]
}

// reaches says whether the owner can open what lies in dir.
func (r *room) reaches(dir string) bool {
	if r.owner == nil {
		return true
	}
	for {
		there, err := os.Stat(dir)
		if err != nil || there.Mode()&0o001 == 0 && proc.Owner(there).UID != r.owner.UID {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

// cacheDir is a user's own cache, but for root a place that the server's user
// can reach.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/assay"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "assay")
}

// makeOpen makes dir, if need be, so that every user may enter it, whatever the
// umask.
func makeOpen(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

func (r *room) give(path string) error {
	if r.owner == nil {
		return nil
	}
	return os.Chown(path, int(r.owner.UID), int(r.owner.GID))
}

func (r *room) pidFile() []string {
	text, _ := os.ReadFile(filepath.Join(r.data(), "postmaster.pid"))
	return strings.Split(string(text), "\n")
}

// stopAbandoned ends the server that a killed process left in this room. The
// lock is ours, so whatever runs here has no parent any more.
func (r *room) stopAbandoned() error {
	pid, err := strconv.Atoi(r.pidFile()[0])
	if err != nil {
		return nil
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil // gone
	}
	ours := func() bool { return slices.Contains(proc.Arguments(pid), r.data()) }
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		for until := time.Now().Add(stopTimeout); ours() && time.Now().Before(until); {
			_ = process.Signal(signal)
			time.Sleep(10 * time.Millisecond)
		}
	}
	if ours() {
		return fmt.Errorf("process %d, left in %s, does not end", pid, r.dir)
	}
	if process.Signal(syscall.Signal(0)) != nil {
		return nil
	}
	// The number has gone to another process, or to a zombie that nobody reaps;
	// PostgreSQL would take either for a server on this data.
	if err := os.Remove(filepath.Join(r.data(), "postmaster.pid")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// command is a command of the room: it runs there, and nothing in this
// process's environment bends it.
func (r *room) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	return cmd
}
