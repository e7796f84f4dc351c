package trackfault

import (
	"fmt"
	"testing"

	"github.com/assaylabs/assay/internal/programs"
)

// ask sends one request, which has to succeed.
func ask(p *programs.Process, method, path, body string) ([]byte, error) {
	res := p.Send(method, path, body)
	if !res.OK() {
		return nil, fmt.Errorf("%s %s: %s", method, path, res)
	}
	return res.Body, nil
}

// must asks until it succeeds.
func must(t testing.TB, p *programs.Process, method, path, body string) []byte {
	t.Helper()
	var answer []byte
	programs.Eventually(t, func() (err error) {
		answer, err = ask(p, method, path, body)
		return err
	})
	return answer
}
