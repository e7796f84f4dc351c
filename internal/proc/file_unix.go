//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package proc

import (
	"os"
	"syscall"
)

func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// Owner is whom a file belongs to.
func Owner(f os.FileInfo) User {
	stat := f.Sys().(*syscall.Stat_t)
	return User{UID: stat.Uid, GID: stat.Gid}
}
