package top

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Screen is a terminal that keys come from and frames go to.
type Screen struct {
	Keys io.Reader // in raw mode: each key at once, none of them shown
	Out  io.Writer
	Size func() (width, height int) // asked for each frame
	Style
}

const (
	every = time.Second
	// alone is how long after an Escape nothing may follow until it counts as the key: a terminal sends the sequence of
	// another key at once, but the network may divide it.
	alone = 50 * time.Millisecond
)

// Control sequences of a terminal (ECMA-48, and xterm's modes): another screen, no cursor, no wrapping of long lines; and back.
const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home  = "\x1b[H"
	erase = "\x1b[2K" // the line; before it is written, since a full one leaves the cursor on its last character
	clear = "\x1b[J"  // to the end of the screen
)

// Once writes one frame, of what goes on within a second, as text.
func Once(ctx context.Context, c *Client, m *Model, w io.Writer, width, height int) error {
	m.Where = c.where
	for i := range 2 {
		if i > 0 {
			select {
			case <-time.After(every):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		a := c.look(ctx, m.Order, m.Text, m.Limit(Shown(height)))
		if a.err != nil {
			return a.err
		}
		m.Answered(a.status, a.list, nil, time.Now())
	}
	lines := m.Frame(width, height, Style{})
	lines = slices.DeleteFunc(lines[:len(lines)-1], func(line string) bool { return line == "" }) // without the keys, and rows that there are not
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// An answer is what one look gave.
type answer struct {
	status Status
	list   List
	err    error
}

// look asks for what a frame shows.
func (c *Client) look(ctx context.Context, order, text string, limit int) (a answer) {
	if a.status, a.err = c.Status(ctx); a.err == nil {
		a.list, a.err = c.List(ctx, order, text, limit)
	}
	return a
}

// Run shows frames, one a second and after each key, until a key or ctx ends it. The error of the first question is
// returned before anything is drawn: what comes later is shown.
func Run(ctx context.Context, c *Client, m *Model, s Screen) (err error) {
	m.Where = c.where
	_, height := s.Size()
	first := c.look(ctx, m.Order, m.Text, m.Limit(Shown(height)))
	if first.err != nil {
		return first.err
	}
	m.Answered(first.status, first.list, nil, time.Now())
	if _, err := io.WriteString(s.Out, enter); err != nil {
		return err
	}
	defer func() {
		if _, e := io.WriteString(s.Out, leave); err == nil {
			err = e
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &running{Screen: s, client: c, model: m, answers: make(chan answer, 1), ended: make(chan func(), 1), typed: make(chan string)}
	go r.readKeys(ctx)
	return r.loop(ctx)
}

// A running is one Run.
type running struct {
	Screen
	client  *Client
	model   *Model
	answers chan answer // at most one: the next question waits for it
	ended   chan func() // what the model is to learn of an end
	typed   chan string // what the terminal sent; closed at its end

	asking bool // a question is under way
	again  bool // another one is to follow it at once
}

// readKeys passes on what the terminal sends. Its last read ends with the process, or when the terminal is closed.
func (r *running) readKeys(ctx context.Context) {
	defer close(r.typed)
	b := make([]byte, 256)
	for {
		n, err := r.Keys.Read(b)
		if n > 0 {
			select {
			case r.typed <- string(b[:n]):
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *running) loop(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var pending string
	var escape <-chan time.Time
	for {
		if err := r.draw(); err != nil {
			return err
		}
		var keys []Key
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if !r.asking {
				r.ask(ctx)
			}
		case a := <-r.answers:
			r.asking = false
			r.model.Answered(a.status, a.list, a.err, time.Now())
			if r.again {
				r.ask(ctx)
			}
		case tell := <-r.ended:
			tell()
			r.ask(ctx)
		case <-escape:
			keys, pending = decode(pending, true)
		case text, ok := <-r.typed:
			if !ok {
				return nil // the terminal is gone
			}
			keys, pending = decode(pending+text, false)
		}
		if escape = nil; pending != "" {
			escape = time.After(alone)
		}
		for _, k := range keys {
			if r.press(ctx, k) {
				return nil
			}
		}
	}
}

// press does what a key asks for; true to quit.
func (r *running) press(ctx context.Context, k Key) (quit bool) {
	_, height := r.Size()
	do := r.model.Press(k, Shown(height))
	if a := do.End; a != nil {
		go func() {
			err := r.client.End(ctx, a.ID)
			select {
			case r.ended <- func() { r.model.Ended(a, err) }:
			case <-ctx.Done():
			}
		}()
	}
	if do.Ask {
		r.ask(ctx)
	}
	return do.Quit
}

// ask looks, unless a look is under way: then once more when it is over.
func (r *running) ask(ctx context.Context) {
	if r.again = r.asking; r.asking {
		return
	}
	r.asking = true
	_, height := r.Size()
	order, text, limit := r.model.Order, r.model.Text, r.model.Limit(Shown(height))
	go func() { r.answers <- r.client.look(ctx, order, text, limit) }()
}

// draw writes a frame over the last one.
func (r *running) draw() error {
	width, height := r.Size()
	var b strings.Builder
	b.WriteString(home)
	for i, line := range r.model.Frame(width, height, r.Style) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(erase + line)
	}
	b.WriteString(clear)
	if _, err := io.WriteString(r.Out, b.String()); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}
