package relay

import (
	"errors"

	"turnout/internal/netio"
)

// sendDrop names why a datagram could not be sent.
func sendDrop(err error) Drop {
	switch {
	case errors.Is(err, netio.ErrWouldBlock):
		return DropSendBuffer
	case errors.Is(err, netio.ErrNotPermitted):
		return DropSendNotPermitted
	case errors.Is(err, netio.ErrMessageSize):
		return DropSendMessageSize
	case errors.Is(err, netio.ErrUnreachable):
		return DropSendUnreachable
	}
	return DropSendError
}
