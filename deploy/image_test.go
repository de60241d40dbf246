//go:build linux

package deploy

import (
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"turnout/internal/ports"
)

// TestImage builds the image, looks at what is in it, and runs it without any
// engine: its files as the root folder, its user as the user.
func TestImage(t *testing.T) {
	tools(t)
	t.Parallel()
	dir := t.TempDir()
	storage := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}
	buildah := func(arguments ...string) string {
		return strings.TrimSpace(tool(t, "buildah", append(slices.Clone(storage), arguments...)...))
	}
	const name = "turnout:test"
	script := exec.CommandContext(t.Context(), "./image.sh", name)
	script.Env = append(os.Environ(), "BUILDAH_OPTS="+strings.Join(storage, " "))
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("image.sh: %v\n%s", err, out)
	}
	container := buildah("from", "--pull-never", name)
	t.Cleanup(func() { buildahEnd(t, storage, container) })
	root := buildah("mount", container)
	checkFiles(t, root)

	const format = "{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}"
	if got, want := buildah("inspect", "--format", format, container), "65532:65532 [/turnout] [serve --config /etc/turnout/turnout.yaml]"; got != want {
		t.Errorf("the image says %q, want %q", got, want)
	}
	version, err := inside(t, root, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(version), "turnout ") {
		t.Errorf("turnout version: %v\n%s", err, version)
	}
	serveInside(t, root)
}

func buildahEnd(t *testing.T, storage []string, container string) {
	for _, end := range [][]string{{"umount", container}, {"rm", container}} {
		// The test's context is over.
		if out, err := exec.Command("buildah", append(slices.Clone(storage), end...)...).CombinedOutput(); err != nil {
			t.Errorf("buildah %v: %v\n%s", end, err, out)
		}
	}
}

// checkFiles wants the binary, the certificates, and nothing else.
func checkFiles(t *testing.T, root string) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, root))
		}
		return err
	})
	if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/turnout"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("in the image: %v (%v), want %v", files, err, want)
	}
}

// inside runs turnout in the image as the image's user. It needs root, for chroot(2).
func inside(t *testing.T, root string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), "/turnout", arguments...)
	c.Dir, c.Env = "/", []string{"PATH=/"}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532, NoSetGroups: true}}
	return c
}

// serveInside serves until it is ready and ends on SIGTERM with status 0.
func serveInside(t *testing.T, root string) {
	t.Helper()
	admin := "127.0.0.1:" + ports.One(t)
	c := inside(t, root, "serve")
	c.Env = append(c.Env, "TURNOUT_ADMIN_LISTEN="+admin, `TURNOUT_LISTEN=["udp://127.0.0.1:0"]`,
		`TURNOUT_RELAY_ADDRESSES=["127.0.0.1"]`, `TURNOUT_AUTH_SECRETS=["a-secret-of-some-length"]`)
	var printed strings.Builder
	c.Stdout, c.Stderr = &printed, &printed
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	client := http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(time.Minute); !ready && time.Now().Before(deadline); {
		if r, err := client.Get("http://" + admin + "/readyz"); err == nil {
			r.Body.Close()
			ready = r.StatusCode == http.StatusOK
		}
		<-time.After(20 * time.Millisecond)
	}
	client.CloseIdleConnections()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.Process.Pid) + "/status")
	if err != nil || !strings.Contains(string(status), "\nUid:\t65532\t65532\t65532\t65532\n") {
		t.Errorf("it does not run as the image's user: %v\n%s", err, status)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err != nil || !ready {
		t.Errorf("ready: %v; it ended with %v and printed\n%s", ready, err, &printed)
	}
}
