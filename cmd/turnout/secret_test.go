package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestFirstSecret(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a", "b")
	first, made, err := firstSecret(folder)
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	if n := len(first.Reveal()); n != 44 {
		t.Errorf("%d characters, want 32 bytes in base64", n)
	}
	again, made, err := firstSecret(folder)
	if err != nil || made || again != first {
		t.Errorf("the second start has another secret (made %v, %v)", made, err)
	}
	if other, _, err := firstSecret(t.TempDir()); err != nil || other == first {
		t.Errorf("another folder has the same secret (%v)", err)
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, secretFile): 0o600} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s is %v (%v), want %v", name, info.Mode().Perm(), err, want)
			}
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v (%v)", left, err)
	}
}

// TestFirstSecretOnce starts many times at once.
func TestFirstSecretOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	const starts = 32
	var secrets [starts]string
	var made [starts]bool
	var group sync.WaitGroup
	for i := range starts {
		group.Go(func() {
			s, m, err := firstSecret(folder)
			if err != nil {
				t.Error(err)
			}
			secrets[i], made[i] = s.Reveal(), m
		})
	}
	group.Wait()
	makers := 0
	for i := range starts {
		if secrets[i] == "" || secrets[i] != secrets[0] {
			t.Fatalf("start %d has another secret", i)
		}
		if made[i] {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d starts say that they made it", makers)
	}
}

func TestFirstSecretUnusable(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := filepath.Join(folder, secretFile)
	for _, text := range []string{"", "hush", "aHVzaA=="} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := firstSecret(folder)
		if err == nil || !strings.Contains(err.Error(), "remove it") || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("a file of %q: %v", text, err)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := firstSecret(filepath.Join(blocked, "below")); err == nil {
		t.Error("a folder below a file is accepted")
	}
}
