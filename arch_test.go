// Package assay_test holds the whole tree to the rules of the house.
package assay_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module   = "github.com/assaylabs/assay/"
	maxLines = 1000
)

// mayImport says which rooms the code of each room may import besides its own.
// Tests may import any. cmd and internal stand in importFault.
func mayImport() map[string][]string {
	dataPlane := []string{"domain", "evaluator", "feed", "tracking"}
	edge := append(dataPlane[:len(dataPlane):len(dataPlane)], "presence")
	return map[string][]string{
		"targeting":   {},
		"stats":       {},
		"migrations":  {},
		"web":         {},
		"tracking":    {"domain", "eventstore", "evaluator", "projections"},
		"domain":      {"targeting"},
		"evaluator":   {"domain", "targeting"},
		"feed":        dataPlane,
		"sdk":         dataPlane,
		"edge":        edge,
		"presence":    {"domain"},
		"eventstore":  {"domain"},
		"commands":    {"domain", "eventstore"},
		"projections": {"domain", "eventstore", "evaluator"},
		"queries":     {"domain", "eventstore", "projections", "stats", "evaluator", "tracking", "presence"},
		"http":        {"commands", "queries", "domain", "web", "presence"},
	}
}

// room is the top folder of a file or package; the root has none.
func room(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

// importFault says why a file must not import a package, or nothing.
func importFault(file, imported string) string {
	from := room(file)
	ours, isOurs := strings.CutPrefix(imported, module)
	if !isOurs {
		return foreignFault(from, imported)
	}
	to := room(ours)
	if path.Dir(file) == "tracking" && !strings.HasSuffix(file, "_test.go") {
		return "tracking itself is linked by SDKs: it must not import " + ours
	}
	if from == "cmd" || from == to || strings.HasSuffix(file, "_test.go") {
		return ""
	}
	switch to {
	case "http", "edge", "cmd":
		return "only cmd may import " + to
	case "internal":
		return "only cmd, tests and internal may import internal"
	}
	if from == "internal" {
		return ""
	}
	allowed, known := mayImport()[from]
	if !known {
		return from + " has no line in mayImport"
	}
	if !slices.Contains(allowed, to) {
		return from + " must not import " + to
	}
	return ""
}

// foreignFault keeps Postgres and mux out of the data plane.
func foreignFault(from, imported string) string {
	switch from {
	case "feed", "sdk", "edge":
		for _, banned := range []string{"github.com/jackc/pgx", "github.com/gorilla/mux"} {
			if strings.HasPrefix(imported, banned) {
				return from + " must not import " + banned
			}
		}
	}
	return ""
}

// nameFault refuses packages that are named after nothing.
func nameFault(name string) string {
	switch strings.TrimSuffix(name, "_test") {
	case "models", "types", "utils", "common", "services", "ports", "adapters", "pkg":
		return "a package must not be named " + name
	}
	return ""
}

// goFaults lists what is wrong with one Go file.
func goFaults(name string, src []byte) []string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	report := func(pos token.Pos, fault string) {
		if fault != "" {
			faults = append(faults, name+":"+strconv.Itoa(fset.Position(pos).Line)+": "+fault)
		}
	}
	report(file.Name.Pos(), nameFault(file.Name.Name))
	report(file.Name.Pos(), nameFault(path.Base(path.Dir(name))))
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		report(spec.Pos(), importFault(name, imported))
	}
	mayPanic := file.Name.Name == "main" || strings.HasSuffix(name, "_test.go")
	for node := range ast.Preorder(file) {
		switch node := node.(type) {
		case *ast.FuncDecl:
			if node.Recv == nil && node.Name.Name == "init" {
				report(node.Pos(), "no func init: nothing may happen because a package was imported")
			}
		case *ast.CallExpr:
			if called, ok := node.Fun.(*ast.Ident); ok && called.Name == "panic" && !mayPanic {
				report(node.Pos(), "no panic outside main")
			}
		}
	}
	return faults
}

// sizeFaults refuses files that nobody reads to the end.
func sizeFaults(name string, src []byte) []string {
	if n := bytes.Count(src, []byte("\n")); n > maxLines {
		return []string{name + " has " + strconv.Itoa(n) + " lines, more than " + strconv.Itoa(maxLines)}
	}
	return nil
}

func TestTheHouse(t *testing.T) {
	files := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(name, entry.Name())
		}
		switch path.Ext(name) {
		case ".go", ".sql", ".sh", ".ts", ".tsx", ".css":
		default:
			return nil
		}
		if strings.HasSuffix(name, ".d.ts") {
			return nil // generated
		}
		files++
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		faults := sizeFaults(name, src)
		if path.Ext(name) == ".go" {
			faults = append(faults, goFaults(name, src)...)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("read %d files: %v", files, err)
	}
}

// enter skips folders that hold none of our own source.
func enter(name, base string) error {
	switch {
	case name == ".":
	case strings.HasPrefix(base, "."), base == "testdata", base == "node_modules", base == "dist":
		return fs.SkipDir
	}
	return nil
}

func TestRulesOfImport(t *testing.T) {
	for _, tt := range []struct{ file, imported, want string }{
		{"domain/a.go", module + "targeting", ""},
		{"domain/a.go", "time", ""},
		{"domain/a.go", module + "eventstore", "domain must not import eventstore"},
		{"targeting/a.go", module + "domain", "targeting must not import domain"},
		{"migrations/a.go", module + "eventstore", "migrations must not import eventstore"},
		{"projections/a.go", module + "evaluator", ""},
		{"tracking/a.go", module + "tracking/fold", "tracking itself is linked by SDKs: it must not import tracking/fold"},
		{"tracking/derive/a.go", module + "evaluator", ""},
		{"commands/a.go", module + "projections", "commands must not import projections"},
		{"queries/a.go", module + "projections", ""},
		{"queries/a.go", module + "commands", "queries must not import commands"},
		{"http/a.go", module + "queries", ""},
		{"http/a.go", module + "eventstore", "http must not import eventstore"},
		{"http/v2/a.go", module + "http", ""},
		{"http/v2/a.go", module + "projections", "http must not import projections"},
		{"queries/a.go", module + "http", "only cmd may import http"},
		{"internal/dev/a.go", module + "edge", "only cmd may import edge"},
		{"internal/dev/a.go", module + "cmd/assay", "only cmd may import cmd"},
		{"internal/dev/a.go", module + "projections", ""},
		{"internal/dev/a.go", module + "internal/localpg", ""},
		{"eventstore/a.go", module + "internal/localpg", "only cmd, tests and internal may import internal"},
		{"eventstore/a_test.go", module + "internal/pgtest", ""},
		{"eventstore/a_test.go", module + "projections", ""},
		{"cmd/assay/main.go", module + "http", ""},
		{"cmd/assay/main.go", module + "internal/localpg", ""},
		{"attic/a.go", module + "domain", "attic has no line in mayImport"},
		{"edge/a.go", "github.com/gorilla/mux", "edge must not import github.com/gorilla/mux"},
		{"feed/a.go", "github.com/jackc/pgx/v5", "feed must not import github.com/jackc/pgx"},
		{"eventstore/a.go", "github.com/jackc/pgx/v5", ""},
	} {
		if got := importFault(tt.file, tt.imported); got != tt.want {
			t.Errorf("%s importing %s: %q, want %q", tt.file, tt.imported, got, tt.want)
		}
	}
}

func TestRulesOfAFile(t *testing.T) {
	for _, tt := range []struct {
		name, file, src string
		want            []string
	}{
		{"clean", "domain/a.go", "package domain\nfunc f() { g() }", nil},
		{"init", "domain/a.go", "package domain\nfunc init() {}", []string{"domain/a.go:2: no func init: nothing may happen because a package was imported"}},
		{"method init", "domain/a.go", "package domain\nfunc (t T) init() {}", nil},
		{"panic", "domain/a.go", "package domain\nfunc f() {\n\tpanic(1)\n}", []string{"domain/a.go:3: no panic outside main"}},
		{"panic in words", "domain/a.go", "package domain\n// panic(1)\nconst s = `panic(1)`", nil},
		{"panic in main", "cmd/assay/main.go", "package main\nfunc main() { panic(1) }", nil},
		{"panic in a test", "domain/a_test.go", "package domain\nfunc f() { panic(1) }", nil},
		{"import", "domain/a.go", "package domain\nimport _ \"" + module + "http\"", []string{"domain/a.go:2: only cmd may import http"}},
		{"name", "domain/a.go", "package utils", []string{"domain/a.go:1: a package must not be named utils"}},
		{"name of a test", "domain/a_test.go", "package common_test", []string{"domain/a_test.go:1: a package must not be named common_test"}},
		{"folder", "http/types/a.go", "package wire", []string{"http/types/a.go:1: a package must not be named types"}},
		{"not Go", "domain/a.go", "pakage x", []string{"domain/a.go:1:1: expected 'package', found pakage"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := goFaults(tt.file, []byte(tt.src)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := sizeFaults("a.go", bytes.Repeat([]byte("\n"), maxLines)); got != nil {
		t.Errorf("%d lines are refused: %q", maxLines, got)
	}
	if got := sizeFaults("a.go", bytes.Repeat([]byte("\n"), maxLines+1)); len(got) != 1 {
		t.Errorf("%d lines are allowed", maxLines+1)
	}
}
