package ports

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// asOther has this test's program reserve as many ports as it is told, say which, and keep them until its input ends.
const asOther = "TEST_RESERVE"

func TestOther(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(asOther))
	if err != nil {
		return // this is the test itself, which TestReserve runs as another process
	}
	r := Reserve(t, n)
	os.Stdout.WriteString("first=" + strconv.Itoa(r.First) + "\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// TestReserve reserves so many ports, in two processes, that some would be given twice if nobody looked. All are free, and
// given again when the test that had them has ended.
func TestReserve(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere than on Linux it is chance that keeps ports apart")
	}
	const many = 1000
	other := exec.Command(os.Args[0], "-test.run", "^TestOther$")
	other.Env = append(os.Environ(), asOther+"="+strconv.Itoa(many))
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := other.Wait(); err != nil {
			t.Error(err)
		}
	}()
	b := make([]byte, 64)
	n, err := out.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(strings.TrimSpace(string(b[:n])), "first=")
	first, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%q: %v", b[:n], err)
	}
	theirs := Range{first, many}
	for range 3 {
		t.Run("again", func(t *testing.T) {
			var mine []Range
			for range 100 {
				mine = append(mine, Reserve(t, 1), Reserve(t, block+1))
			}
			for i, r := range mine {
				if r.First < lowest || r.Last() >= ephemeral(t) || overlap(r, theirs) {
					t.Errorf("ports %d to %d; another process has %d to %d", r.First, r.Last(), theirs.First, theirs.Last())
				}
				for _, o := range mine[:i] {
					if overlap(r, o) {
						t.Errorf("ports %d to %d and %d to %d", r.First, r.Last(), o.First, o.Last())
					}
				}
				l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Last())))
				if err != nil {
					t.Error(err)
					continue
				}
				l.Close()
			}
		})
	}
}

func overlap(a, b Range) bool { return a.First <= b.Last() && b.First <= a.Last() }
