package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/assaylabs/assay/domain"
)

func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON")
}

func (p *program) printJSON(v any) error {
	data, err := domain.Encode(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", data)
	return err
}

// barDelay is how long work may take before a bar shows.
const barDelay = time.Second

// progress returns what to tell how many of how many are done. It draws a bar on
// work over a second, when stderr is a terminal; end removes it.
func (p *program) progress(what string) (report func(done, total int64), end func()) {
	file, ok := p.stderr.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return func(int64, int64) {}, func() {}
	}
	var bar *progressbar.ProgressBar
	start := time.Now()
	report = func(done, total int64) {
		if bar == nil {
			if time.Since(start) < barDelay {
				return
			}
			bar = progressbar.NewOptions64(total, progressbar.OptionSetDescription(what),
				progressbar.OptionSetWriter(p.stderr), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
		}
		if total > bar.GetMax64() {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(done) // a bar that cannot be drawn is no reason to fail
	}
	return report, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}
