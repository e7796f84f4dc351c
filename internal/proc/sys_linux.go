package proc

import "syscall"

func attributes(user *User, death syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID}
	}
	return attr
}

// Memory is a directory in memory where so many bytes are free, or empty.
func Memory(least int64) string {
	const dir = "/dev/shm"
	var stat syscall.Statfs_t
	if syscall.Statfs(dir, &stat) != nil || int64(stat.Bavail)*stat.Bsize < least {
		return ""
	}
	return dir
}
