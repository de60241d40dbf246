package config

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

const prefix = "TURNOUT_"

var upper = strings.NewReplacer(".", "_", "-", "_")

// variable is the environment variable of a key: TURNOUT_RELAY_LIFETIME_MAX of relay.lifetime.max.
func variable(path string) string { return prefix + upper.Replace(strings.ToUpper(path)) }

// kubernetes says whether a variable is one that Kubernetes sets in every pod for a Service named turnout or
// turnout-something: those say nothing to us.
func kubernetes(name, text string) bool {
	if strings.HasSuffix(name, "_PORT") && !strings.HasSuffix(name, "_SERVICE_PORT") && !portPort.MatchString(name) {
		return strings.Contains(text, "://") // TURNOUT_PORT=tcp://10.0.0.1:3478, and not somebody's TURNOUT_RELAY_PORT=49152-65535
	}
	return kubernetesName.MatchString(name)
}

var portPort = regexp.MustCompile(`_PORT_[0-9]+_[A-Z]+_PORT$`)

var kubernetesName = regexp.MustCompile(`^TURNOUT_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// environment reads every TURNOUT_ variable. One that is set to nothing counts as not set, since that is what
// a compose file makes of a variable its user left out.
func (l *loader) environment() {
	var mine []string
	for _, e := range l.Environ {
		if strings.HasPrefix(e, prefix) {
			mine = append(mine, e)
		}
	}
	slices.Sort(mine) // and so sections (TURNOUT_RELAY) come before what is in them (TURNOUT_RELAY_PORTS)
	for _, e := range mine {
		name, text, _ := strings.Cut(e, "=")
		if text != "" {
			l.variable(name, text)
		}
	}
}

// commandVariables are those of commands, which say nothing about how turnout serves.
var commandVariables = []string{prefix + "CONNECTION_STRING", prefix + "CONNECTION_STRING_FILE"}

func (l *loader) variable(name, text string) {
	if slices.Contains(commandVariables, name) {
		return
	}
	o := origin{source: name, layer: layerEnvironment}
	for _, f := range schema {
		if variable(f.path) == name {
			l.set(f, o, text)
			return
		}
		if f.tag.Get("secret") != "" && variable(f.path)+"_FILE" == name {
			l.secretFile(f, o, text)
			return
		}
	}
	for _, u := range unavailable {
		if v := variable(u); name == v || strings.HasPrefix(name, v+"_") && !kubernetes(name, text) {
			l.wrong(o, u, "is not available in this version; unset the variable")
			return
		}
	}
	if kubernetes(name, text) {
		return
	}
	names := make([]string, len(schema))
	for i, f := range schema {
		names[i] = variable(f.path)
	}
	if s := suggest(name, names); s != "" {
		l.wrong(o, "", "no key has this variable; did you mean %s?", s)
		return
	}
	l.wrong(o, "", "no key has this variable; unset it (turnout config example lists every key)")
}

// secretFile reads the value of a secret key from a file, so that it stands in no process list and no unit file.
func (l *loader) secretFile(f field, o origin, name string) {
	if l.lookup(variable(f.path)) != "" {
		l.wrong(o, f.path, "%s is set too; keep one of the two", variable(f.path))
		return
	}
	text, err := l.ReadFile(name)
	if err != nil {
		l.wrong(o, f.path, "%s; name a file that turnout may read", sentence(err))
		return
	}
	l.set(f, o, strings.TrimRight(string(text), "\r\n"))
}

// lookup is the value of an environment variable.
func (l *loader) lookup(name string) string {
	for _, e := range l.Environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// sentence is what a file system error says, the file's name quoted and no system call.
func sentence(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return quote(p.Path) + ": " + p.Err.Error()
	}
	return err.Error()
}

// secretVariable is the variable for a secret that key names or stands below, empty for other keys.
func secretVariable(key string) string {
	for _, f := range schema {
		if f.tag.Get("secret") != "" && within(key, f.path) {
			return variable(f.path)
		}
	}
	return ""
}

// lookup finds a key by its path.
func lookup(path string) (field, bool) {
	for _, f := range schema {
		if f.path == path {
			return f, true
		}
	}
	return field{}, false
}

func isUnavailable(path string) bool {
	return slices.ContainsFunc(unavailable, func(u string) bool { return within(path, u) })
}

// firstBelow is a key of a section, for an example.
func firstBelow(section field) string {
	for _, f := range schema {
		if within(f.path, section.path) && !f.section {
			return f.path
		}
	}
	return section.path
}

// suggestPath is the key whose path is closest to path.
func suggestPath(path string) string {
	var paths []string
	for _, f := range schema {
		if !f.section {
			paths = append(paths, f.path)
		}
	}
	if s := suggest(path, paths); s != "" {
		return "did you mean " + s + "?"
	}
	return "turnout config example lists them all"
}
