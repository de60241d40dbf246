package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Sources are where a configuration comes from: later fields override earlier ones.
type Sources struct {
	File    string   // path of the YAML file; empty: none
	Environ []string // NAME=value, as os.Environ gives them; only TURNOUT_ names are read
	Set     []string // key=value, as given with --set

	ReadFile func(name string) ([]byte, error) // If nil, os.ReadFile.
}

// A Loaded is a configuration that can be used, defaults filled in.
type Loaded struct {
	Config

	// File is the path of the configuration file, empty if there was none.
	File string

	// Local says that neither a file nor anything else named a listener: turnout serves loopback only, and loopback peers are allowed.
	Local bool

	// FirstSecret says that credentials are derived from a secret kept in the store, which is made on the first start.
	FirstSecret bool

	// Warnings are what works and is probably not meant.
	Warnings []Problem
}

// Load reads, merges and checks a configuration. Its error is an *Error with
// every problem, unless the file itself cannot be read.
func Load(s Sources) (*Loaded, error) {
	l := newLoader(s)
	if err := l.load(); err != nil {
		return nil, err
	}
	return l.finished(), nil
}

func newLoader(s Sources) *loader {
	if s.ReadFile == nil {
		s.ReadFile = os.ReadFile
	}
	l := &loader{Sources: s, out: &Loaded{File: s.File}}
	l.decoder = decoder{report: new(report), origins: map[string]origin{}}
	return l
}

// load does all that Load does, but for the warnings.
func (l *loader) load() error {
	if l.File != "" {
		text, err := l.ReadFile(l.File)
		if err != nil {
			return fmt.Errorf("read configuration: %w", err)
		}
		l.file(text)
	}
	l.environment()
	l.flags()
	if l.broken {
		// What follows would tell of keys missing that are only unreadable.
		return l.err()
	}
	l.local()
	l.stateFolder()
	l.defaults()
	l.secrets()
	l.certificates()
	l.storeFolder()
	l.early = len(l.warnings)
	l.validate()
	return l.err()
}

// finished is what was loaded, with the warnings.
func (l *loader) finished() *Loaded {
	l.out.Warnings = sorted(l.warnings)
	return l.out
}

// A loader is one call of Load.
type loader struct {
	Sources
	decoder
	out    *Loaded
	broken bool // the file is no mapping of keys at all
	early  int  // warnings before validate, which a reload calls twice
}

func (l *loader) root() reflect.Value { return reflect.ValueOf(&l.out.Config).Elem() }

func (l *loader) file(text []byte) {
	o := origin{source: l.File, layer: layerFile}
	root, line, err := parse(text)
	if err != nil {
		o.line, l.broken = line, true
		l.wrong(o, "", "%v", err)
		return
	}
	if root != nil {
		l.node("", o, l.root(), "", root)
	}
	switch root.(type) {
	case nil, *ast.MappingNode, *ast.MappingValueNode, *ast.NullNode:
	default:
		l.broken = true
	}
}

// set reads one variable or flag: JSON where the key takes more than a single value.
func (l *loader) set(f field, o origin, text string) {
	v := l.root().FieldByIndex(f.index)
	single := textual(f.typ) || f.typ.Kind() == reflect.Slice && !strings.HasPrefix(strings.TrimSpace(text), "[") &&
		!strings.HasPrefix(strings.TrimSpace(text), "{")
	switch {
	case single && f.typ.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(f.typ, 1, 1))
		l.origins[f.path] = o
		l.text(f.path+"[0]", o, v.Index(0), f.tag, text)
	case single:
		l.text(f.path, o, v, f.tag, text)
	default:
		n, _, err := parse([]byte(text))
		if err != nil {
			l.wrong(o, f.path, "is not valid JSON; write %s as JSON", shape(f.typ, f.tag))
			return
		}
		l.node(f.path, o, v, f.tag, n)
	}
}

// flags reads every --set key=value.
func (l *loader) flags() {
	o := origin{source: "--set", layer: layerFlags}
	for _, s := range l.Set {
		key, text, ok := strings.Cut(s, "=")
		f, known := lookup(key)
		switch {
		case !ok:
			l.wrong(o, shown(key), "has no value; write --set key=value")
		case secretVariable(key) != "":
			l.wrong(o, shown(key), "a command line is public; use the variable %s or %[1]s_FILE", secretVariable(key))
		case known && f.section:
			l.wrong(o, key, "holds further keys; set one of them, as %s", firstBelow(f))
		case known:
			l.set(f, o, text)
		case isUnavailable(key):
			l.wrong(o, shown(key), "is not available in this version; remove it")
		default:
			l.wrong(o, shown(key), "unknown key; %s", suggestPath(key))
		}
	}
}

// local fills in what turnout does without any configuration: a relay on loopback, for a first try.
func (l *loader) local() {
	if _, listens := l.origins["listen"]; listens || l.File != "" {
		return
	}
	l.out.Local = true
	c := &l.out.Config
	loopback := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	for _, a := range loopback {
		for _, scheme := range []string{"udp", "tcp"} {
			c.Listen = append(c.Listen, Listener{scheme, netip.AddrPortFrom(a, 3478)})
		}
		if _, set := l.origins["relay.addresses"]; !set {
			c.Relay.Addresses = append(c.Relay.Addresses, RelayAddress{Bind: Addr{a}})
		}
	}
	if _, set := l.origins["peers.allow"]; !set {
		// The default policy denies loopback, and a relay on loopback reaches nothing else.
		c.Peers.Allow = []Prefix{{netip.MustParsePrefix("127.0.0.0/8")}, {netip.MustParsePrefix("::1/128")}}
	}
	if _, set := l.origins["admin.listen"]; !set {
		c.Admin.Listen.AddrPort = netip.AddrPortFrom(loopback[0], 9478)
	}
	if _, set := l.origins["api.listen"]; !set {
		c.API.Listen = Endpoint{"http", netip.AddrPortFrom(loopback[0], 8080)}
	}
}

// stateFolder chooses store.path where nothing names it. With a configuration file turnout is a service, whose state belongs to
// the system: the tag's default, /var/lib/turnout. Without one somebody tries it, perhaps without the right to write there:
// the XDG state folder, and the system's again where there is no home.
func (l *loader) stateFolder() {
	if l.out.Store.Path != "" || l.File != "" {
		return
	}
	if state := l.lookup("XDG_STATE_HOME"); filepath.IsAbs(state) { // the specification has relative ones ignored
		l.out.Store.Path = filepath.Join(state, "turnout")
	} else if home := l.lookup("HOME"); filepath.IsAbs(home) && home != "/" {
		l.out.Store.Path = filepath.Join(home, ".local", "state", "turnout")
	}
}

// defaults fills every field that is zero from its tag.
func (l *loader) defaults() {
	for _, f := range schema {
		text := f.tag.Get("default")
		v := l.root().FieldByIndex(f.index)
		switch {
		case text == "" || v.Kind() == reflect.Map:
		case v.Kind() == reflect.Slice:
			if items := strings.Trim(text, "[]"); items != "" && v.Len() == 0 {
				for i, item := range strings.Split(items, ", ") {
					v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
					l.decoder.fill(v.Index(i), f.tag, item)
				}
			}
		case v.IsZero():
			l.decoder.fill(v, f.tag, text)
		}
	}
	for i := range l.out.Relay.Addresses {
		if r := &l.out.Relay.Addresses[i]; !r.External.IsValid() {
			r.External = r.Bind
		}
	}
}

// fill reads a default, which a test keeps readable.
func (d *decoder) fill(v reflect.Value, tag reflect.StructTag, text string) {
	(&decoder{report: d.report, origins: map[string]origin{}}).text("", origin{}, v, tag, text)
}

// secrets reads the files that secrets are kept in, and names the secrets that have no name.
func (l *loader) secrets() {
	for i := range l.out.Auth.Secrets {
		s := &l.out.Auth.Secrets[i]
		path := fmt.Sprintf("auth.secrets[%d]", i)
		o := l.origin(path)
		switch {
		case s.File != "" && s.Secret.text != "":
			l.wrong(o, path, "has both secret and file; keep one")
		case s.File != "":
			text, err := l.ReadFile(l.beside(s.File, o))
			if err != nil {
				l.wrong(l.origin(path+".file"), path+".file", "%s; name a file with the secret that turnout may read", sentence(err))
				continue
			}
			s.Secret.text = strings.TrimRight(string(text), "\r\n")
			if s.Secret.text == "" {
				l.wrong(l.origin(path+".file"), path+".file", "%s is empty; write into it what `openssl rand -base64 32` prints", quote(s.File))
			}
		case s.Secret.text == "" && !l.about(path):
			l.wrong(o, path, "is empty; write what `openssl rand -base64 32` prints")
		}
		if s.ID == "" && s.Secret.text != "" {
			s.ID = SecretID(s.Secret)
		}
	}
}

// origin is where key, or the nearest key above it, was set; the file as a whole if none was.
func (l *loader) origin(key string) origin {
	for key != "" {
		if o, ok := l.origins[key]; ok {
			return o
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return origin{source: l.File}
}
