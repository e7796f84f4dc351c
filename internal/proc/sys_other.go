//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package proc

import (
	"os"
	"syscall"
)

func attributes(*User, syscall.Signal) *syscall.SysProcAttr { return nil }

func tryLock(*os.File) error { return nil }

// Owner is whom a file belongs to; unknown on this system.
func Owner(os.FileInfo) User { return User{} }

// Memory is empty: this system has no directory in memory.
func Memory(int64) string { return "" }
