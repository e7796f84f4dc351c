//go:build !linux

package httpapi

import "net"

// closePort closes a port.
func closePort(listener net.Listener) { _ = listener.Close() }
