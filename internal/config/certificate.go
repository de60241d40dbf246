package config

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
)

// beside is the path of a file that was named at o: relative to the configuration file if it was named there.
func (l *loader) beside(name string, o origin) string {
	if name != "" && !filepath.IsAbs(name) && o.layer == layerFile {
		return filepath.Join(filepath.Dir(l.File), name)
	}
	return name
}

// certificates makes the paths of certificates what they are relative to, and tries the files.
func (l *loader) certificates() {
	t := &l.out.TLS
	l.certificate("tls", &t.Cert, &t.Key)
	for i := range t.Certificates {
		c := &t.Certificates[i]
		path := fmt.Sprintf("tls.certificates[%d]", i)
		if c.Cert == "" && c.Key == "" {
			l.wrong(l.origin(path), path, "names no files; write {cert: cert.pem, key: key.pem}")
			continue
		}
		l.certificate(path, &c.Cert, &c.Key)
	}
	l.certificate("api", &l.out.API.Cert, &l.out.API.Key)
	n := &l.out.Store.NATS
	n.Credentials = l.beside(n.Credentials, l.origin("store.nats.credentials"))
}

// certificate tries the files of one certificate, if there is one.
func (l *loader) certificate(path string, cert, key *string) {
	switch {
	case *cert == "" && *key == "":
		return
	case *cert == "":
		l.wrong(l.origin(path+".key"), path+".key", "is the key of no certificate; name its file as %s.cert", path)
		return
	case *key == "":
		l.wrong(l.origin(path+".cert"), path+".cert", "has no key; name its file as %s.key", path)
		return
	}
	var texts [2][]byte
	for i, f := range []struct {
		name string
		path *string
	}{{path + ".cert", cert}, {path + ".key", key}} {
		o := l.origin(f.name)
		*f.path = l.beside(*f.path, o)
		text, err := l.ReadFile(*f.path)
		if err != nil {
			l.wrong(o, f.name, "%s; name a PEM file that turnout may read", sentence(err))
			return
		}
		texts[i] = text
	}
	if _, err := tls.X509KeyPair(texts[0], texts[1]); err != nil {
		l.wrong(l.origin(path+".cert"), path+".cert", "and its key cannot be used: %s; name a certificate and its own key, both in PEM", sentence(err))
	}
}

// checkTLS has listeners of TLS and DTLS have a certificate, and the other way round.
func (l *loader) checkTLS() {
	t := &l.out.TLS
	secured := slices.IndexFunc(l.out.Listen, Listener.Secured)
	overTCP := func(ln Listener) bool { return ln.Scheme == "tls" }
	have := t.Cert != "" || len(t.Certificates) > 0
	switch {
	case secured >= 0 && !have && !l.about("tls"):
		key := fmt.Sprintf("listen[%d]", secured)
		l.wrong(l.origin(key), key, "%s needs a certificate; name its files as tls.cert and tls.key", l.out.Listen[secured])
	case secured < 0 && have && l.out.API.Listen.Scheme != "https" && !l.about("listen"):
		l.warn(l.origin("tls"), "tls", "has no effect without a tls:// or dtls:// listener")
	}
	if !t.Fallback.IsValid() {
		return
	}
	o := l.origin("tls.fallback")
	switch {
	case t.Fallback.Addr().IsUnspecified() || t.Fallback.Port() == 0:
		l.wrong(o, "tls.fallback", "%s is nobody's address; name the HTTPS server's, as 127.0.0.1:8443", t.Fallback)
	case slices.ContainsFunc(l.out.Listen, func(ln Listener) bool { return overTCP(ln) && ln.Addr == t.Fallback.AddrPort }):
		l.wrong(o, "tls.fallback", "%s is a listener of turnout's, which would pass on to itself; name the HTTPS server's", t.Fallback)
	case !slices.ContainsFunc(l.out.Listen, overTCP) && !l.about("listen"):
		l.warn(o, "tls.fallback", "has no effect without a tls:// listener")
	}
}

// checkProxies tells of load balancers that would be everybody, or before nothing.
func (l *loader) checkProxies() {
	from := l.out.ProxyProtocol.From
	if len(from) == 0 {
		return
	}
	streams := func(ln Listener) bool { return ln.Network() == "tcp" }
	if !slices.ContainsFunc(l.out.Listen, streams) && !l.about("listen") {
		l.warn(l.origin("proxy-protocol"), "proxy-protocol", "has no effect without a tcp:// or tls:// listener")
	}
	for i, p := range from {
		key := fmt.Sprintf("proxy-protocol.from[%d]", i)
		if p.IsValid() && p.Bits() == 0 {
			l.warn(l.origin(key), key, "%s lets every client choose the address it is known by, and refuses clients without a load balancer; name the load balancers'", p.Prefix)
		}
	}
}
