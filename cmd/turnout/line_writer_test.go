package main

import (
	"bytes"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"turnout/internal/config"
)

// A smallDisk takes so many bytes.
type smallDisk struct {
	bytes.Buffer
	room int
}

func (d *smallDisk) Write(b []byte) (int, error) {
	n, _ := d.Buffer.Write(b[:min(len(b), d.room)])
	d.room -= n
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// TestTornLine fills a disk in the middle of a line, and makes room again.
func TestTornLine(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		d := &smallDisk{room: 200}
		var j journal
		log := j.of(newLogger(config.Log{Format: format}, slog.LevelInfo, d))
		for range 4 {
			log.Info("one line", "text", strings.Repeat("x", 40))
		}
		if j.status() == nil || j.lost.Load() < 2 {
			t.Fatalf("%s: %d lines are lost, and the log's status is %v", format, j.lost.Load(), j.status())
		}
		d.room = 1000
		log.Info("the next")
		log.Info("the one after")
		lines := strings.Split(d.String(), "\n")
		last := lines[max(0, len(lines)-3):]
		if len(last) != 3 || !strings.Contains(last[0], "the next") || strings.Contains(last[0], "xx") || !strings.Contains(last[1], "the one after") || last[2] != "" {
			t.Errorf("%s: the log ends\n%s", format, d)
		}
	}
}
