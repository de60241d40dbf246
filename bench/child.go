package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"turnout/internal/netio"
)

// patience is how long a process may take to end when told to, before it is killed.
const patience = 5 * time.Second

// keptOutput is how much of what a process prints is kept for an error.
const keptOutput = 4 << 10

// A child is a process that was started here and ends here: stop, or the end of the context it was made with.
type child struct {
	name    string
	command *exec.Cmd
	printed tail
	cancel  context.CancelFunc
	ended   chan struct{} // closed when it has
	err     error         // why it ended; read after ended is closed
}

// A tail keeps the last of what is written to it. Safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - keptOutput; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// launch starts what make gives on the given processors. Told to end, the process is interrupted, and killed if that does
// not help.
func launch(ctx context.Context, name string, processors []int, command func(context.Context) (*exec.Cmd, error)) (*child, error) {
	ctx, cancel := context.WithCancel(ctx)
	k := &child{name: name, cancel: cancel, ended: make(chan struct{})}
	var err error
	if k.command, err = command(ctx); err == nil {
		c := k.command
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.WaitDelay = patience
		if c.Stdout == nil {
			c.Stdout = &k.printed
		}
		c.Stderr = &k.printed
		err = netio.StartOn(c, processors)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(k.ended)
		defer cancel()
		k.err = k.command.Wait()
	}()
	return k, nil
}

// stop ends the process, and waits for that.
func (k *child) stop() {
	k.cancel()
	<-k.ended
}

// failed adds to err what the process printed.
func (k *child) failed(err error) error {
	if text := k.printed.String(); text != "" {
		return fmt.Errorf("%s: %w; it printed: %s", k.name, err, text)
	}
	return fmt.Errorf("%s: %w", k.name, err)
}

// A dialogue is a child that reads one JSON value and answers with one.
type dialogue struct {
	*child
	in, read io.Closer
	out      *json.Decoder // ends when the child does
}

// openDialogue starts a child and tells it what to do.
func openDialogue(ctx context.Context, name string, processors []int, what any, binary string, args ...string) (*dialogue, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close() // the child has its own: reading ends with it
	var in io.WriteCloser
	k, err := launch(ctx, name, processors, func(ctx context.Context) (*exec.Cmd, error) {
		c := exec.CommandContext(ctx, binary, args...)
		c.Stdout = write
		var err error
		in, err = c.StdinPipe()
		return c, err
	})
	if err != nil {
		read.Close()
		return nil, err
	}
	d := &dialogue{child: k, in: in, read: read, out: json.NewDecoder(read)}
	if _, err := in.Write(append(text, '\n')); err != nil {
		d.stop()
		return nil, k.failed(err)
	}
	return d, nil
}

// stop ends the child, and what leads to it.
func (d *dialogue) stop() {
	d.child.stop()
	d.in.Close()
	d.read.Close()
}

// answer waits for the child's.
func (d *dialogue) answer(into any) error {
	err := d.out.Decode(into)
	if err == nil {
		return nil
	}
	<-d.ended
	return d.failed(cmp.Or(d.err, err)) // where it failed, that its answer ends is no news
}
