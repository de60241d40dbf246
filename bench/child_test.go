package bench

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDialogue talks to processes that answer and end at once: nothing of an answer is lost, however early its end.
func TestDialogue(t *testing.T) {
	t.Parallel()
	for range 50 {
		d, err := openDialogue(t.Context(), "echo", nil, map[string]int{"a": 7}, "sh", "-c", "head -n 1")
		if err != nil {
			t.Fatal(err)
		}
		<-d.ended
		var got map[string]int
		if err := d.answer(&got); err != nil || got["a"] != 7 {
			t.Fatalf("got %v, %v", got, err)
		}
		d.stop()
	}
}

// TestDialogueFails says what a process printed that does not answer.
func TestDialogueFails(t *testing.T) {
	t.Parallel()
	d, err := openDialogue(t.Context(), "mute", nil, 1, "sh", "-c", "read line; echo no words >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	var exit *exec.ExitError
	if err := d.answer(new(int)); !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "mute: ") || !strings.HasSuffix(err.Error(), "it printed: no words") {
		t.Errorf("got %v", err)
	}
	if _, err := openDialogue(t.Context(), "nobody", nil, 1, "/does/not/exist"); err == nil {
		t.Error("what does not exist was started")
	}
}

// TestLaunchEnds ends a process that would go on for an hour, with the context and by stop.
func TestLaunchEnds(t *testing.T) {
	t.Parallel()
	for _, byContext := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		k, err := launch(ctx, "sleep", nil, func(ctx context.Context) (*exec.Cmd, error) {
			return exec.CommandContext(ctx, "sleep", "3600"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if byContext {
			cancel()
			<-k.ended
		} else {
			k.stop()
			cancel()
		}
		if took := time.Since(began); took > patience {
			t.Errorf("it took %v to end", took)
		}
	}
}

// TestTail keeps the end of what is printed.
func TestTail(t *testing.T) {
	t.Parallel()
	var k tail
	for range 100 {
		_, _ = k.Write([]byte(strings.Repeat("x", 100)))
	}
	_, _ = k.Write([]byte("the end\n"))
	if got := k.String(); len(got) > keptOutput || !strings.HasSuffix(got, "xthe end") {
		t.Errorf("%d bytes are kept, the last %q", len(got), got[max(len(got)-10, 0):])
	}
}
