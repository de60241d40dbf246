package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Progress tells on a terminal how far a comparison is, and on anything else what was done, a line each.
type Progress struct {
	w        io.Writer
	terminal bool
	steps    int
	done     int
	began    time.Time
	now      func() time.Time
}

// NewProgress is of so many steps.
func NewProgress(w io.Writer, terminal bool, steps int) *Progress {
	p := &Progress{w: w, terminal: terminal, steps: steps, now: time.Now}
	p.began = p.now()
	p.show("starting")
	return p
}

// barWidth is in characters.
const barWidth = 30

// Step says that one more is done. Errors of the terminal are of no interest.
func (p *Progress) Step(server, scenario string) {
	p.done++
	p.show(server + ", " + scenario)
}

func (p *Progress) show(what string) {
	left := ""
	if p.done > 0 {
		each := p.now().Sub(p.began) / time.Duration(p.done)
		left = fmt.Sprintf(", %v left", (each * time.Duration(p.steps-p.done)).Round(time.Second))
	}
	if !p.terminal {
		fmt.Fprintf(p.w, "%d of %d: %s%s\n", p.done, p.steps, what, left)
		return
	}
	full := barWidth * p.done / max(p.steps, 1)
	fmt.Fprintf(p.w, "\r\x1b[K[%s%s] %d/%d%s  %s", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), p.done, p.steps, left, what)
}

// End leaves the line.
func (p *Progress) End() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
