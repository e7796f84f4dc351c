package serving

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// closePort closes a port at a moment when nobody waits to be accepted: the
// kernel resets whoever does.
func closePort(listener net.Listener) {
	if tcp, ok := listener.(*net.TCPListener); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			for until := time.Now().Add(hearing); !shutWhenEmpty(raw) && time.Now().Before(until); {
				time.Sleep(50 * time.Microsecond)
			}
		}
	}
	_ = listener.Close()
}

// shutWhenEmpty stops listening at once if nobody waits. Close alone would come
// only after the goroutine that accepts has woken.
func shutWhenEmpty(raw syscall.RawConn) (done bool) {
	err := raw.Control(func(fd uintptr) {
		waiting := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(waiting, 0); err == nil && n == 0 {
			done = unix.Shutdown(int(fd), unix.SHUT_RD) == nil
		}
	})
	return done || err != nil
}
