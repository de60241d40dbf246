package identity

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

// childEnv makes the test program the child of [TestKill]: it holds the store's path.
const childEnv = "TEST_STORE_CHILD"

const childWriters = 4

// runChild writes without end and says of every write when it was acknowledged.
func runChild(path string) {
	b, err := OpenBolt(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	r, err := NewRevocations(RevocationsConfig{})
	if err != nil {
		panic(err)
	}
	d, err := NewDirectory(DirectoryConfig{Store: b, Revocations: r, Resource: testResource})
	if err != nil {
		panic(err)
	}
	var out sync.Mutex
	say := func(format string, a ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", a...) // one write, unbuffered
	}
	for g := range childWriters {
		go func() {
			for i := 0; ; i++ {
				u, err := d.Create(context.Background(), fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i))
				if err != nil {
					say("error %v", err)
					return
				}
				say("user %s %s", u.ID, u.CustomID)
				if i%3 == 0 {
					revocation, err := d.Revoke(context.Background(), u.ID)
					if err != nil {
						say("error %v", err)
						return
					}
					say("revoked %s %d", u.ID, revocation.At.UnixMilli())
				}
				if i%5 == 4 {
					if err := d.Delete(context.Background(), u.ID); err != nil {
						say("error %v", err)
						return
					}
					say("deleted %s", u.ID)
				}
			}
		}()
	}
	select {}
}

// TestKill kills a process while it writes, again and again: what it said was
// written is there, and the file opens.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	path := filepath.Join(t.TempDir(), "turnout.db")
	total := 0
	for round := range rounds {
		if round%5 == 0 { // the first moments of a store, too
			path = filepath.Join(t.TempDir(), "turnout.db")
		}
		acknowledged := killOne(t, path, round*round/2)
		total += len(acknowledged)
		checkAcknowledged(t, path, acknowledged)
	}
	if total < 10*rounds {
		t.Errorf("only %d writes in %d rounds", total, rounds)
	}
}

// killOne runs a child until it has acknowledged some writes, kills it, and gives
// all that it acknowledged.
func killOne(t *testing.T, path string, after int) []string {
	t.Helper()
	program, err := os.Executable()
	ok(t, err)
	child := exec.Command(program)
	child.Env = append(os.Environ(), childEnv+"="+path)
	out, err := child.StdoutPipe()
	ok(t, err)
	ok(t, child.Start())
	watchdog := time.AfterFunc(30*time.Second, func() { _ = child.Process.Kill() })
	defer watchdog.Stop()
	var lines []string
	killed := false
	for scan := bufio.NewScanner(out); ; {
		if !killed && len(lines) >= after {
			ok(t, child.Process.Kill())
			killed = true
		}
		if !scan.Scan() {
			break
		}
		lines = append(lines, scan.Text())
	}
	_ = child.Wait()
	return lines
}

func checkAcknowledged(t *testing.T, path string, lines []string) {
	t.Helper()
	b, err := OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	d := directory(t, b, time.Now)
	revoked := following(t, b, RevocationsConfig{})
	deleted := map[string]bool{}
	for _, line := range lines {
		if f := strings.Fields(line); f[0] == "deleted" {
			deleted[f[1]] = true
		}
	}
	missing := 0
	for _, line := range lines {
		f := strings.Fields(line)
		switch f[0] {
		case "user":
			u, err := d.User(context.Background(), f[1])
			if err == nil && (deleted[f[1]] || u.CustomID != f[2]) {
				t.Errorf("%s: %+v; deleted: %v", line, u, deleted[f[1]])
			}
			if err != nil && !deleted[f[1]] {
				missing++
			}
		case "revoked":
			at := parseMilli(t, f[2])
			if !revoked.Revoked([]byte(f[1]), nil, at, at.Add(time.Hour)) {
				t.Errorf("%s: forgotten", line)
			}
		case "deleted":
			if !revoked.TokenRevoked(f[1], 1, time.Now(), time.Time{}) {
				t.Errorf("%s: its tokens live", line)
			}
		default:
			t.Errorf("child: %s", line)
		}
	}
	// Each of the child's writers may have been deleting a user when it was killed.
	if missing > childWriters {
		t.Errorf("%d users are missing", missing)
	}
}

func parseMilli(t *testing.T, s string) time.Time {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(n)
}

// TestCreateTogether lets many make the same store at once: one is made, and none replaced.
func TestCreateTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "turnout.db")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := create(path); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b := boltStore(t, path)
	_, err := b.Write(context.Background(), Users, "a", []byte("x"), 0)
	ok(t, err)
	ok(t, create(path))
	_, err = b.Read(context.Background(), Users, "a")
	ok(t, err)
	entries, err := os.ReadDir(filepath.Dir(path))
	ok(t, err)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "turnout.db")
	boltStore(t, path)
	_, err := OpenBolt(path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "in use by another process") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// TestDamaged holds every kind of damage against the opener: one sentence, and the
// file is as it was.
func TestDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "turnout.db")
	b, err := OpenBolt(path)
	ok(t, err)
	for i := range 2000 {
		if i%100 == 0 {
			_, err := b.Write(context.Background(), Users, fmt.Sprint("user", i), bytes.Repeat([]byte("x"), 300), 0)
			ok(t, err)
		}
	}
	ok(t, b.Close())
	whole, err := os.ReadFile(path)
	ok(t, err)
	page := os.Getpagesize()
	damage := map[string][]byte{
		"one byte":            whole[:1],
		"one page":            whole[:page],
		"two pages":           whole[:2*page],
		"three pages":         whole[:3*page],
		"half":                whole[:len(whole)/2/page*page],
		"another file":        bytes.Repeat([]byte("no store at all\n"), 4096),
		"a page of zeros":     make([]byte, page),
		"zeros":               make([]byte, len(whole)),
		"empty":               {},
		"both meta pages":     overwrite(whole, 0, 2*page, 0xFF),
		"pages but the metas": overwrite(whole, 2*page, len(whole), 0xFF),
		"pages of zeros":      overwrite(whole, 2*page, len(whole), 0),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 40 { // noise somewhere: refused, or harmless
		b := bytes.Clone(whole)
		at := random.IntN(len(b) - 64)
		for j := range 64 {
			b[at+j] = byte(random.Uint32())
		}
		damage[fmt.Sprintf("noise %d at %d", i, at)] = b
	}
	for name, content := range damage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "turnout.db")
			ok(t, os.WriteFile(path, content, 0o600))
			b, err := OpenBolt(path)
			if err == nil {
				ok(t, b.Close())
				if !strings.HasPrefix(name, "noise") {
					t.Error("is taken for a store")
				}
				return
			}
			if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, "damaged") && !strings.Contains(text, "another version") || strings.Contains(text, "\n") {
				t.Errorf("%v", err)
			}
			after, err := os.ReadFile(path)
			ok(t, err)
			if !bytes.Equal(after, content) {
				t.Error("the file was changed")
			}
		})
	}
}

func overwrite(b []byte, from, to int, with byte) []byte {
	b = bytes.Clone(b)
	for i := from; i < to; i++ {
		b[i] = with
	}
	return b
}

// TestOtherForm leaves a file of another version alone, and one of another program.
func TestOtherForm(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"2", ""} {
		path := filepath.Join(t.TempDir(), "turnout.db")
		db, err := bbolt.Open(path, 0o600, nil)
		ok(t, err)
		if value != "" {
			ok(t, db.Update(func(tx *bbolt.Tx) error {
				b, err := tx.CreateBucket([]byte(metaBucket))
				if err == nil {
					err = b.Put([]byte(formKey), []byte(value))
				}
				return err
			}))
		}
		ok(t, db.Close())
		if _, err := OpenBolt(path); err == nil || !strings.Contains(err.Error(), "another version") {
			t.Errorf("%v", err)
		}
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "turnout.db")
	b, err := OpenBolt(path)
	ok(t, err)
	d := directory(t, b, time.Now)
	u, err := d.Create(context.Background(), "dave")
	ok(t, err)
	revocation, err := d.Revoke(context.Background(), u.ID)
	ok(t, err)
	ok(t, b.Close())
	b = boltStore(t, path)
	if b.Path() != path {
		t.Error(b.Path())
	}
	again, err := directory(t, b, time.Now).Create(context.Background(), "dave")
	if err != nil || again.ID != u.ID {
		t.Errorf("%+v, %v; want %+v", again, err, u)
	}
	r := following(t, b, RevocationsConfig{})
	if !r.Revoked([]byte(u.ID), nil, revocation.At, revocation.At.Add(time.Hour)) {
		t.Error("the revocation is forgotten")
	}
}

// TestGroupCommit has many writers share commits: each gets its own answer.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	b := boltStore(t, filepath.Join(t.TempDir(), "turnout.db"))
	var all sync.WaitGroup
	conflicts := make([]int, 50)
	for i := range conflicts {
		all.Go(func() {
			for j := range 5 {
				_, err := b.Write(context.Background(), Users, fmt.Sprint(i%10, "-", j), []byte("x"), 0)
				if err == ErrConflict {
					conflicts[i]++
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	n := 0
	for _, c := range conflicts {
		n += c
	}
	if n != 200 {
		t.Errorf("%d conflicts, want 200", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Write(ctx, Users, "late", []byte("x"), 0); err == nil {
		if _, err := b.Read(context.Background(), Users, "late"); err != nil {
			t.Errorf("acknowledged and not there: %v", err)
		}
	}
}

// TestRetry has a write that failed be tried again, so that a store nobody writes to is known to be well again.
func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, err := OpenBolt(filepath.Join(t.TempDir(), "turnout.db"))
		ok(t, err)
		first, err := b.Write(t.Context(), Users, "a", []byte("1"), 0)
		ok(t, err)
		full := errors.New("no space left on device")
		b.failure.Store(&full)
		time.Sleep(boltRetry - 1)
		synctest.Wait()
		is(t, "status", b.Status(), full)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		ok(t, b.Status())
		// What was tried is no record, and no revision.
		second, err := b.Write(t.Context(), Users, "a", []byte("2"), first)
		ok(t, err)
		if second != first+1 || b.Size() == 0 {
			t.Errorf("revision %d after %d, %d bytes", second, first, b.Size())
		}
		ok(t, b.Close())
		again, err := OpenBolt(b.Path())
		ok(t, err)
		ok(t, again.Close())
	})
}
