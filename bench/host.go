package bench

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// A Host is what figures were measured on.
type Host struct {
	Kernel, CPU string
	CPUs        int
	Go          string
	Load        string // load averages when the measurement began: what else was running
}

// ThisHost describes this one; what the system does not tell is empty.
func ThisHost() Host {
	h := Host{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	h.Kernel = firstLine("/proc/sys/kernel/osrelease")
	h.Load = firstLine("/proc/loadavg")
	text, _ := os.ReadFile("/proc/cpuinfo") // absent elsewhere
	h.CPU = cpuModel(string(text))
	return h
}

func firstLine(name string) string {
	text, _ := os.ReadFile(name) // absent elsewhere
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func cpuModel(text string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// Commit is the commit of a source tree, with "+" when files differ from it; empty where git does not tell.
func Commit(ctx context.Context, source string) string {
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", source, "-c", "safe.directory=*"}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "--short=12", "HEAD")
	if commit != "" && git("status", "--porcelain", "--untracked-files=no") != "" {
		commit += "+"
	}
	return commit
}
