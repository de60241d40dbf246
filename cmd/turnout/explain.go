package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"turnout/internal/config"
	"turnout/internal/netio"
)

// advice is what to do about an error of the system, the first that fits.
var advice = []struct {
	errs []error
	text string
}{
	{[]error{netio.ErrAddrInUse, syscall.EADDRINUSE},
		"another program listens there: stop it (ss -lnptu shows it), or listen on another port"},
	{[]error{netio.ErrPermission, syscall.EACCES},
		"ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or listen on a higher port"},
	{[]error{netio.ErrAddrNotAvailable, syscall.EADDRNOTAVAIL},
		"name an address of this host (ip address shows them), or 0.0.0.0 or [::] for all"},
	{[]error{netio.ErrTooManyFiles, syscall.EMFILE, syscall.ENFILE},
		"raise the limit (ulimit -n, or LimitNOFILE= of the service)"},
	{[]error{syscall.ECONNREFUSED},
		"nothing listens there: start it, or look at the address"},
	{[]error{fs.ErrNotExist},
		"check the path"},
	{[]error{syscall.ENOTDIR},
		"a file stands where a folder must be: name another path"},
	{[]error{syscall.ENOSPC, syscall.EROFS},
		"name a folder that can be written to with store.path"},
}

// explain is an error and what to do about it, in one sentence; of several errors that were joined, one below the other.
func explain(err error) string {
	if several, ok := err.(interface{ Unwrap() []error }); ok { // fmt.Errorf has such errors too, with words of their own
		var all []string
		for _, one := range several.Unwrap() {
			all = append(all, explain(one))
		}
		if errors.Join(several.Unwrap()...).Error() == err.Error() {
			return strings.Join(all, "\n")
		}
	}
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return err.Error()
	}
	if isPath(err) && errors.Is(err, fs.ErrPermission) {
		return err.Error() + "; give this user the right to it, or run turnout as one who has it"
	}
	for _, a := range advice {
		for _, e := range a.errs {
			if errors.Is(err, e) {
				return err.Error() + "; " + a.text
			}
		}
	}
	return err.Error()
}

// isPath says whether err is about a file, not a socket.
func isPath(err error) bool {
	var p *fs.PathError
	var l *os.LinkError
	return errors.As(err, &p) || errors.As(err, &l)
}
