package feed_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/evaluator"
	"github.com/assaylabs/assay/feed"
)

// kept writes states to a directory, each as the feed of a process would.
func kept(t *testing.T, dir string, updates ...*feed.Update) {
	t.Helper()
	for _, u := range updates {
		s := &source{name: "live"}
		s.give(u)
		f := feed.New(feed.Config{}, s, feed.NewDisk(dir, nil))
		changed, cancel := f.Subscribe()
		t.Run("writing", func(t *testing.T) {
			start(t, f)
			for f.State() == nil || f.State().Source != "live" || f.State().Document.Position != u.Document.Position {
				<-changed
			}
		})
		cancel()
	}
}

// reads returns a feed that has what a directory has, and nothing else.
func reads(t testing.TB, dir string) *feed.Feed {
	t.Helper()
	f := feed.New(feed.Config{}, feed.NewDisk(dir, nil))
	start(t, f)
	for range 500 {
		if f.State() != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return f
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A process that finds everything down has what the one before it had, keys
// included, and says that it may be old.
func TestDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	kept(t, dir, &feed.Update{Document: at(5, "on"), Keys: []domain.Key{keyNamed("edge")}})
	down := newSource("live", at(5, "on"))
	down.fail()
	f := feed.New(feed.Config{}, down, feed.NewDisk(dir, nil))
	changed, cancel := f.Subscribe()
	defer cancel()
	start(t, f)
	<-changed
	serves(t, f, 5, "on", "disk")
	if !f.Stale() {
		t.Error("what is on disk is not stale")
	}
	if s := f.State(); len(s.Keys) != 1 || s.Keys[0].Name != "edge" || s.Keys[0].SecretHash != "hash" {
		t.Errorf("keys %+v", s.Keys)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"snapshot"}) {
		t.Errorf("files %q", got)
	}
	about, err := os.Stat(filepath.Join(dir, "snapshot"))
	if err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", about.Mode(), err)
	}
	// Its source confirms it, and it is stale no more.
	down.hold(at(5, "on"))
	for range 1000 {
		if !f.Stale() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	serves(t, f, 5, "on", "live")
	if f.Swaps() != 1 {
		t.Errorf("%d swaps of one content", f.Swaps())
	}
}

// Age goes on over a restart: it is that of the last confirmation.
func TestDiskAge(t *testing.T) {
	dir := t.TempDir()
	kept(t, dir, &feed.Update{Document: at(5, "on")})
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "snapshot"), old, old); err != nil {
		t.Fatal(err)
	}
	if f := reads(t, dir); f.Age() < time.Hour || f.Age() > 2*time.Hour {
		t.Errorf("age %v, want an hour", f.Age())
	}
	f := feed.New(feed.Config{Poll: 50 * time.Millisecond}, newSource("live", at(5, "on")), feed.NewDisk(dir, nil))
	start(t, f)
	eventually(t, 10*time.Second, func() error {
		about, err := os.Stat(filepath.Join(dir, "snapshot"))
		if err == nil && time.Since(about.ModTime()) > time.Minute {
			err = fmt.Errorf("last confirmed at %v", about.ModTime())
		}
		return err
	})
	if got := names(t, dir); !slices.Equal(got, []string{"snapshot"}) {
		t.Errorf("files %q, though nothing changed", got)
	}
}

// Whatever happens to the newest file, it or the one before it serves; never
// anything else.
func TestDiskDamaged(t *testing.T) {
	dir := t.TempDir()
	kept(t, dir, &feed.Update{Document: at(5, "off")}, &feed.Update{Document: at(6, "on")})
	newest := filepath.Join(dir, "snapshot")
	whole, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		damaged := slices.Clone(whole)
		switch rapid.SampledFrom([]string{"cut", "flip", "zeros", "grow", "other"}).Draw(rt, "damage") {
		case "cut":
			damaged = damaged[:rapid.IntRange(0, len(whole)-1).Draw(rt, "length")]
		case "flip":
			damaged[rapid.IntRange(0, len(whole)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		case "zeros":
			clear(damaged[rapid.IntRange(0, len(whole)-2).Draw(rt, "from"):])
		case "grow":
			damaged = append(damaged, rapid.SliceOfN(rapid.Byte(), 1, 10).Draw(rt, "more")...)
		case "other":
			damaged = rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")
		}
		if err := os.WriteFile(newest, damaged, 0o600); err != nil {
			rt.Fatal(err)
		}
		u, err := feed.NewDisk(dir, nil).Fetch(t.Context(), nil)
		if err != nil || u.Document.Position != 5 {
			rt.Fatalf("%+v, %v, want position 5", u, err)
		}
	})
	// The same, had the machine stopped between two renames.
	if err := os.Remove(newest); err != nil {
		t.Fatal(err)
	}
	serves(t, reads(t, dir), 5, "off", "disk")

	// Nothing to serve is not an empty snapshot.
	for _, name := range []string{"snapshot", "snapshot.previous"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if u, err := feed.NewDisk(dir, nil).Fetch(t.Context(), nil); err == nil {
		t.Errorf("read %+v out of nothing", u)
	}
	if u, err := feed.NewDisk(t.TempDir(), nil).Fetch(t.Context(), nil); !errors.Is(err, feed.ErrNothing) {
		t.Errorf("read %+v, %v from an empty directory", u, err)
	}
}

// A disk that takes nothing stops nobody, and is tried again.
func TestDiskAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	live := newSource("live", at(5, "on"))
	f := feed.New(feed.Config{Poll: 100 * time.Millisecond}, live, feed.NewDisk(dir, nil))
	start(t, f)
	time.Sleep(300 * time.Millisecond)
	serves(t, f, 5, "on", "live")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if u, err := feed.NewDisk(dir, nil).Fetch(t.Context(), nil); err == nil && u.Document.Position == 5 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("not written after the disk came back")
}

// The newest of what is stored here serves, in whatever order.
func TestFile(t *testing.T) {
	bundled := func(position int64, variation string) string {
		body, err := at(position, variation).Encode()
		path := filepath.Join(t.TempDir(), "bundled.json")
		if err := errors.Join(err, os.WriteFile(path, body, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir := t.TempDir()
	kept(t, dir, &feed.Update{Document: at(5, "off")})
	for position, want := range map[int64]string{4: "disk", 6: "file"} {
		t.Run(want, func(t *testing.T) {
			f := feed.New(feed.Config{}, feed.NewFile(bundled(position, "off")), feed.NewDisk(dir, nil))
			start(t, f)
			eventually(t, 10*time.Second, func() error {
				if s := f.State(); s == nil || s.Source != want {
					return fmt.Errorf("state %+v", s)
				}
				return nil
			})
			serves(t, f, max(5, position), "off", want)
			if !f.Stale() {
				t.Error("not stale")
			}
		})
		// What no source has confirmed is not kept.
		if u, err := feed.NewDisk(dir, nil).Fetch(t.Context(), nil); err != nil || u.Document.Position != 5 {
			t.Errorf("on disk: %+v, %v", u, err)
		}
	}
	for _, body := range []string{"", "{", "[]", `{"position":-1}`, `{"position":5,"since":3}`} {
		path := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if u, err := feed.NewFile(path).Fetch(t.Context(), nil); err == nil {
			t.Errorf("%q was read as %+v", body, u)
		}
	}
	if _, err := feed.NewFile(filepath.Join(dir, "none")).Fetch(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func ExampleNew() {
	f := feed.New(feed.Config{},
		feed.NewControl(feed.ControlConfig{URL: "https://assay.example.com", Token: "assay_server_…"}),
		feed.NewDisk("/var/cache/shop/assay", nil),
		feed.NewFile("bundled.json"),
	)
	fmt.Println(f.State() == nil, f.Stale())
	// Output: true true
}

// Whatever stands in a file that claims to be whole, it is an error or a state
// that can be served.
func FuzzDisk(f *testing.F) {
	body, err := domain.Encode(feed.Update{Document: at(5, "on"), Keys: []domain.Key{keyNamed("k")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, true)
	f.Add([]byte(`{"document":{"position":-1},"keys":[{}]}`), true)
	f.Add([]byte(`assay-snapshot 1 `), false)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte, claim bool) {
		if claim {
			body = fmt.Appendf(nil, "assay-snapshot 1 %x\n%s", sha256.Sum256(body), body)
		}
		if err := os.WriteFile(filepath.Join(dir, "snapshot"), body, 0o600); err != nil {
			t.Fatal(err)
		}
		u, err := feed.NewDisk(dir, nil).Fetch(t.Context(), nil)
		if err != nil {
			return
		}
		if u.Document.Position < 0 {
			t.Errorf("position %d", u.Document.Position)
		}
		if _, err := feed.ETag(u.Document); err != nil {
			t.Error(err)
		}
		evaluator.Compile(u.Document)
	})
}
