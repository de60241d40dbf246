package main

import "io"

// A lineWriter writes lines, one at each Write. Where a full disk has taken only the beginning of one, the next stands on a
// line of its own: programs that read the log lose the torn line alone. Its caller, a handler of package slog, writes one line
// at a time.
type lineWriter struct {
	w    io.Writer
	torn bool // the last line lacks its end
}

// Write writes a whole line. The count does not have what ends a torn one.
func (l *lineWriter) Write(line []byte) (int, error) {
	if l.torn {
		if _, err := l.w.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		l.torn = false
	}
	n, err := l.w.Write(line)
	l.torn = n > 0 && n < len(line)
	return n, err
}
