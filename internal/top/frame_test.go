package top

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestFrame draws for the smallest terminal that is usual.
func TestFrame(t *testing.T) {
	t.Parallel()
	m := looking(3)
	m.Press(KeyDown, 15)
	m.Press(KeyDown, 15)
	got := strings.Join(m.Frame(80, 12, Style{}), "\n")
	clock := statusAt(102).Now.Local().Format("15:04:05")
	want := `turnout v1.2.3 at 127.0.0.1:9478: ok, up 1m42s, 2 workers               ` + clock + `
from clients    1,000 pkt/s   1.0 Mb/s  to   clients        9 pkt/s  10.0 kb/s
from peers         10 pkt/s  10.0 kb/s  to   peers        999 pkt/s   992 kb/s
allocations 3 (tls 1, udp 2), 1.0 new/s  ports 3 of 16,384  streams 1
dropped/s 13: 12 send_buffer, 1.0 no_permission
login failures/s 2.0: 2.0 wrong_password
  CLIENT                   VIA  FROM CLIENT   TO CLIENT    AGE SUBJECT
  198.51.100.0:4000        udp    24.0 kb/s       0 b/s  1m42s user 0
> 198.51.100.1:4000        udp    16.0 kb/s       0 b/s  1m42s user 1
  198.51.100.2:4000        udp    8.0 kb/s       0 b/s  1m42s user 2
user 1: 198.51.100.1:4000 relayed at 192.0.2.1:50000 [2001:db8::1]:50000 by udp…
q quit  s sort  / search  Esc all  arrows choose  n p page  e end`
	want = strings.Replace(want, "udp    8.0 kb/s", "udp     8.0 kb/s", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	wide := m.Frame(200, 40, Style{})
	if len(wide) != 40 || !strings.Contains(wide[7], "198.51.100.0:4000                               udp  192.0.2.1:50000            24.0 kb/s       0 b/s  1m42s user 0") {
		t.Errorf("%d lines, and a row is\n%s", len(wide), wide[7])
	}
	m.Order = "bytes"
	if row := m.Frame(80, 12, Style{})[7]; !strings.Contains(row, "2.5 MB") {
		t.Errorf("by bytes a row is\n%s", row)
	}
}

// TestFrameFits draws at many sizes, with names that would break a line.
func TestFrameFits(t *testing.T) {
	t.Parallel()
	m := looking(30)
	m.list.Allocations[1].Subject = "\x1b[2J\r\n\x07\u202e" + strings.Repeat("名前", 200)
	m.list.Allocations[2].Client = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"
	m.list.Allocations[3].Subject = "\xff\xfe"
	m.status.Reasons = []string{"the store cannot be reached\x1b[0m", strings.Repeat("long ", 50)}
	m.status.Version = "\x1b]0;title\x07"
	for _, style := range []Style{{}, {Attributes: true}} {
		for width := 1; width < 200; width += 7 {
			for height := 1; height < 60; height += 3 {
				for _, k := range []Key{KeyDown, KeyDown, 'e', 'n', '/', KeyEnter} {
					m.Press(k, Shown(height))
					lines := m.Frame(width, height, style)
					if len(lines) > height {
						t.Fatalf("%dx%d: %d lines", width, height, len(lines))
					}
					for _, line := range lines {
						for _, attribute := range []string{bold, reverse, red, "0"} {
							if style.Attributes {
								line = strings.ReplaceAll(line, "\x1b["+attribute+"m", "")
							}
						}
						columns := 0
						for _, r := range line {
							columns += columnsOf(r)
							if !unicode.IsPrint(r) {
								t.Fatalf("%dx%d: %q", width, height, line)
							}
						}
						if columns > max(width, 20) {
							t.Fatalf("%dx%d: %d columns: %q", width, height, columns, line)
						}
					}
				}
			}
		}
	}
}

// TestFrameOfFaults draws before the first answer, after faults, and of what is degraded.
func TestFrameOfFaults(t *testing.T) {
	t.Parallel()
	m := &Model{Where: "unix:/run/turnout/admin.sock", Order: "rate"}
	if got := m.Frame(80, 24, Style{}); got[0] != "turnout at unix:/run/turnout/admin.sock" || len(got) != 24 {
		t.Errorf("before the first answer: %q", got)
	}
	m.Answered(Status{}, List{}, errors.New("no route to host"), noon)
	if got := m.Frame(80, 24, Style{}); got[1] != "no route to host" {
		t.Errorf("without an answer: %q", got)
	}
	m = looking(0)
	m.Answered(Status{}, List{}, errors.New("first"), noon)
	m.Answered(Status{}, List{}, errors.New("second"), noon.Add(time.Minute))
	if got := m.Frame(80, 24, Style{})[5]; got != "no answer since "+noon.Local().Format("15:04:05")+": second" {
		t.Errorf("after faults: %s", got)
	}
	s := statusAt(103)
	s.Reasons = []string{"The store cannot be reached."}
	m.Answered(s, List{}, nil, noon)
	if got := m.Frame(80, 24, Style{Attributes: true}); got[5] != "\x1b[31mdegraded: The store cannot be reached.\x1b[0m" || !strings.Contains(got[22], "none of 0 allocations, by rate") {
		t.Errorf("degraded: %q", got)
	}
}

// TestFrameDegraded says so where /readyz does: a relay with reasons goes on, and its state is ok all the same.
func TestFrameDegraded(t *testing.T) {
	t.Parallel()
	m := looking(1)
	m.status.Reasons = []string{"The store cannot be reached."}
	lines := m.Frame(80, 12, Style{})
	if !strings.HasPrefix(lines[0], "turnout v1.2.3 at 127.0.0.1:9478: degraded, up ") || lines[5] != "degraded: The store cannot be reached." {
		t.Errorf("%q and %q", lines[0], lines[5])
	}
	m.status.State = "draining"
	if line := m.Frame(80, 12, Style{})[0]; !strings.Contains(line, ": draining, ") {
		t.Errorf("%q", line)
	}
}

// TestFrameSubjects tells users of the service apart, whose ids begin alike.
func TestFrameSubjects(t *testing.T) {
	t.Parallel()
	m := looking(2)
	const resource = "8:acs:3eb7497c-8a79-4498-b7a9-b03c84cd0f22_"
	m.list.Allocations[0].Subject, m.list.Allocations[1].Subject = resource+"89a6177f-be94-413f-a743-2feeea356377", resource+"a8dcfec4-77e2-49bc-8975-7c2197d52eaf"
	for width, want := range map[int][2]string{
		80:  {" 8:acs:3e…ea356377", " 8:acs:3e…97d52eaf"},
		120: {" 8:acs:3eb7497c-…743-2feeea356377", ""},
		400: {" " + resource + "89a6177f-be94-413f-a743-2feeea356377", ""},
	} {
		lines := m.Frame(width, 12, Style{})
		for i, want := range want {
			if line := lines[headLines+titleLines+i]; want != "" && !strings.HasSuffix(line, want) || columnsIn(line) > width {
				t.Errorf("on %d columns: %q, want %q at its end", width, line, want)
			}
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{bits(0), "0 b/s"}, {bits(12.4), "99 b/s"}, {bits(124.9), "999 b/s"}, {bits(125), "1.0 kb/s"}, {bits(12_500), "100 kb/s"},
		{bits(124_950), "1.0 Mb/s"}, {bits(1.25e9), "10.0 Gb/s"}, {amount(1536), "1.5 kB"}, {amount(99_949), "99.9 kB"}, {amount(99_960), "100 kB"}, {amount(1e18), "1000 PB"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(uint64(1234567)), "1,234,567"},
		{few(0), "0"}, {few(0.25), "0.2"}, {few(9.94), "9.9"}, {few(1234), "1,234"},
		{span(0), "0s"}, {span(59 * time.Second), "59s"}, {span(61 * time.Second), "1m01s"}, {span(time.Hour), "1h00m"}, {span(100 * time.Hour), "4d"}, {span(-time.Second), "0s"},
		{clean("a\x1b[2Jb\nc"), "a·[2Jb·c"}, {clean("ü 名"), "ü 名"}, {clean("\xff"), "·"},
		{fit("abcdef", 6), "abcdef"}, {fit("abcdefg", 6), "abcde…"}, {fit("名前名前", 5), "名前…"}, {fit("abc def", 5), "abc…"},
		{ends("abcdef", 6), "abcdef"}, {ends("abcdefgh", 6), "ab…fgh"}, {ends("名前名前", 5), "名…前"}, {ends("abcd", 2), "abcd"}, {ends("abcdef", 3), "a…f"},
		{beside("a", "b", 5), "a   b"}, {beside("abc", "de", 5), "abc"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
