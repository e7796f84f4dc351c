//go:build !linux

package serving

import "net"

// closePort closes a port.
func closePort(listener net.Listener) { _ = listener.Close() }
