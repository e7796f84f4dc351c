//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package proc

import "syscall"

// attributes has no parent-death signal to set here: what a killed parent
// leaves is stopped by the next start.
func attributes(user *User, _ syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID}
	}
	return attr
}

// Memory is empty: this system has no directory in memory.
func Memory(int64) string { return "" }
