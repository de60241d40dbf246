package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"turnout/auth"
	"turnout/internal/netio"
)

// A panic in a handler is the test's.
func init() { panicsOn = true }

// TestScripts runs every behaviour script under testdata: one for each clause of
// an RFC, on the in-memory network, in virtual time. testdata/README.md is the
// language. What is about streams runs again where goroutines serve them, as on systems whose pollers have none, and once
// more where a stream holds so little that almost everything waits in the relay.
func TestScripts(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		found++
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { runScript(t, path, text, netio.NewMemory()) })
			if !bytes.Contains(text, []byte("-tcp")) {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				network := netio.NewMemory()
				network.SetUnpolled(true)
				runScript(t, path, text, network)
			})
			if bytes.Contains(text, []byte("bandwidth")) {
				return // how much passes before it is paced depends on what streams hold
			}
			synctest.Test(t, func(t *testing.T) {
				network := netio.NewMemory()
				network.SetStreamBuffer(30)
				runScript(t, path, text, network)
			})
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Fatal("no scripts under testdata")
	}
}

// A script is one run: a server on a network of its own, the actors met so far,
// and the variables bound.
type script struct {
	t       *testing.T
	network *netio.Memory
	server  *Server
	keyring *auth.Keyring
	config  map[string]string // of the server, since the last reload
	actors  map[string]*actor
	places  map[string]netip.AddrPort // of actors that are not where their name says
	last    *actor
	vars    map[string]string
	log     logBuffer
	where   string
}

// A line is one command: an actor (or none), a verb, bare words and key=value pairs.
type line struct {
	actor, verb string
	words       []string
	values      map[string]string
	keys        []string // in order, repeated keys included
	all         []string // their values
}

func runScript(t *testing.T, path string, text []byte, network *netio.Memory) {
	s := &script{
		t: t, network: network, actors: map[string]*actor{},
		places: map[string]netip.AddrPort{}, vars: map[string]string{},
	}
	config := map[string]string{}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; scanner.Scan(); n++ {
		s.where = fmt.Sprintf("%s:%d", path, n)
		times, text := s.repeated(scanner.Text())
		for range times {
			l, ok := s.parse(text)
			switch {
			case !ok:
			case l.actor == "config":
				s.readConfig(config, l)
			default:
				if s.server == nil {
					s.start(config)
					defer s.stop()
				}
				s.run(l)
			}
		}
	}
	if s.server == nil {
		t.Fatalf("%s: a script without a step", path)
	}
	for _, w := range s.server.workers {
		if err := inWorker(w, func(w *worker) error { return w.table.Check() }); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// inWorker runs f inside the worker, which owns its table.
func inWorker[T any](w *worker, f func(*worker) T) T {
	result := make(chan T, 1)
	w.inbox.put(post{do: func(w *worker) { result <- f(w) }})
	return <-result
}

// repeated reads "repeat 20 client: binding" as that line, 20 times.
func (s *script) repeated(text string) (times int, line string) {
	s.t.Helper()
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "repeat ")
	if !ok {
		return 1, text
	}
	count, line, _ := strings.Cut(rest, " ")
	times, err := strconv.Atoi(count)
	if err != nil {
		s.fatalf("repeat: %v", err)
	}
	return times, line
}

// parse splits "actor: verb word key=value # comment"; quotes keep spaces together.
func (s *script) parse(text string) (l line, ok bool) {
	fields := s.fields(text)
	if len(fields) == 0 {
		return l, false
	}
	l.values = map[string]string{}
	if name, found := strings.CutSuffix(fields[0], ":"); found {
		l.actor, fields = name, fields[1:]
	}
	if l.actor != "config" && len(fields) > 0 {
		l.verb, fields = fields[0], fields[1:]
	}
	for _, f := range fields {
		k, v, isPair := strings.Cut(f, "=")
		if !isPair || strings.HasPrefix(f, `"`) {
			l.words = append(l.words, s.value(f))
			continue
		}
		if !strings.HasPrefix(v, "$") {
			v = s.value(v)
		}
		l.values[k] = v
		l.keys, l.all = append(l.keys, k), append(l.all, v)
	}
	return l, true
}

func (s *script) fields(text string) (fields []string) {
	for text = strings.TrimSpace(text); text != "" && text[0] != '#'; text = strings.TrimSpace(text) {
		end, quoted := 0, false
		for end < len(text) && (quoted || text[end] != ' ') {
			if text[end] == '"' {
				quoted = !quoted
			}
			end++
		}
		fields = append(fields, text[:end])
		text = text[end:]
	}
	return fields
}

// value unquotes, and reads "N bytes" as "N*x".
func (s *script) value(v string) string {
	if n, of, ok := strings.Cut(v, "*"); ok && len(of) == 1 {
		if count, err := strconv.Atoi(n); err == nil {
			return strings.Repeat(of, count)
		}
	}
	return strings.Trim(v, `"`)
}

// expand reads a variable; "$r+1" is the address in $r with the next port.
func (s *script) expand(v string) string {
	s.t.Helper()
	if !strings.HasPrefix(v, "$") {
		return v
	}
	name, plus, isSum := strings.Cut(v, "+")
	bound, ok := s.vars[name]
	if !ok {
		s.fatalf("variable %s is not bound", name)
	}
	if !isSum {
		return bound
	}
	n, err := strconv.Atoi(plus)
	if err != nil {
		s.fatalf("%s: %v", v, err)
	}
	a := s.address(bound)
	return netip.AddrPortFrom(a.Addr(), a.Port()+uint16(n)).String()
}

// unbound says that v is a variable without a value yet.
func (s *script) unbound(v string) bool {
	_, bound := s.vars[v]
	return strings.HasPrefix(v, "$") && !strings.Contains(v, "+") && !bound
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s", s.where, fmt.Sprintf(format, args...))
}

// run does one line.
func (s *script) run(l line) {
	s.t.Helper()
	if l.actor == "" {
		do, ok := commands[l.verb]
		if !ok {
			s.fatalf("no such command: %s", l.verb)
		}
		do(s, l)
		return
	}
	name := l.actor
	if name == "expect" { // of whoever acted last
		l.verb, l.words = "expect", append([]string{l.verb}, l.words...)
		s.last.do(l)
		return
	}
	if l.verb == "expect" && s.actors[name] == nil {
		s.fatalf("nothing could have reached %s before this line", name)
	}
	s.last = s.actor(name)
	s.last.do(l)
}

func (s *script) actor(name string) *actor {
	a := s.actors[name]
	if a == nil {
		a = newActor(s, name, len(s.actors)+1)
		s.actors[name] = a
	}
	return a
}
