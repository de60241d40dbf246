package config

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An OAuth says which authorization servers' access tokens are admitted.
type OAuth struct {
	// Name of this server, which clients tell the authorization server and which its tokens are made for. Needed with keys.
	// Reloadable.
	ServerName string `key:"server-name" reload:"true"`

	// Keys shared with authorization servers, each as {kid, key, alg}: what clients call it, in base64, and A256GCM or A128GCM.
	// Put a new one in beside the old one, and take that out when its last token has ended. Reloadable.
	Keys []OAuthKey `key:"keys" reload:"true" default:"[]" shape:"a list of {kid, key, alg}" secret:"true"`
}

// An OAuthKey is one entry of auth.oauth.keys. After Load, all of it is set and Key can be decoded.
type OAuthKey struct {
	// What tokens name the key by: clients send it as their username.
	ID string `key:"kid"`
	// The key itself in base64, 32 bytes for A256GCM and 16 for A128GCM. A longer one is cut.
	Key Secret `key:"key"`
	// Algorithm that tokens are encrypted with. If absent, A256GCM.
	Algorithm string `key:"alg" oneof:"A256GCM|A128GCM"`
}

// keySizes are the lengths of the algorithms' keys in bytes (RFC 7518 §5.1).
var keySizes = map[string]int{"A256GCM": 32, "A128GCM": 16}

// Reveal is the key, cut to the length of its algorithm.
func (k OAuthKey) Reveal() []byte {
	key, err := decodeKey(k.Key)
	if err != nil {
		return nil // Load refuses it
	}
	return key[:min(len(key), keySizes[k.Algorithm])]
}

// decodeKey reads base64 of either alphabet, padded or not.
func decodeKey(s Secret) ([]byte, error) {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s.text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

func (l *loader) checkOAuth() {
	o := &l.out.Auth.OAuth
	named := o.ServerName != ""
	switch {
	case l.about("auth.oauth.server-name") || l.about("auth.oauth.keys"):
	case len(o.Keys) > 0 && !named:
		l.wrong(l.origin("auth.oauth.keys"), "auth.oauth", "has keys and no server-name, which tokens are made for; name this server")
	case len(o.Keys) == 0 && named:
		l.wrong(l.origin("auth.oauth.server-name"), "auth.oauth", "has a server-name and no keys, so that no token could be read; add one, or remove it")
	}
	if fault := nameFault(o.ServerName); fault != "" {
		l.wrong(l.origin("auth.oauth.server-name"), "auth.oauth.server-name", "%s; write it as turn.example", fault)
	}
	first := map[string]int{}
	for i := range o.Keys {
		l.checkOAuthKey(fmt.Sprintf("auth.oauth.keys[%d]", i), &o.Keys[i], first, i)
	}
}

// nameFault is what USERNAME and THIRD-PARTY-AUTHORIZATION cannot carry (RFC 8489 §14.3).
func nameFault(name string) string {
	switch {
	case len(name) > 508:
		return fmt.Sprintf("has %d bytes; at most 508 are allowed", len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, `"`):
		return "has a quote or control character"
	}
	return ""
}

func (l *loader) checkOAuthKey(path string, k *OAuthKey, first map[string]int, i int) {
	if k.Algorithm == "" {
		k.Algorithm = "A256GCM"
	}
	if l.about(path) {
		return
	}
	want := keySizes[k.Algorithm]
	key, err := decodeKey(k.Key)
	same, twice := first[k.ID]
	switch fault := nameFault(k.ID); {
	case k.ID == "":
		l.wrong(l.origin(path), path, "has no kid; write what the authorization server calls its key")
	case fault != "":
		l.wrong(l.origin(path+".kid"), path+".kid", "%s; write it without", fault)
	case twice:
		l.wrong(l.origin(path+".kid"), path+".kid", "is the kid of auth.oauth.keys[%d] too; each needs its own", same)
	case err != nil:
		l.wrong(l.origin(path+".key"), path+".key", "is not base64; write the key as `openssl rand -base64 %d` prints one", want)
	case len(key) < want:
		l.wrong(l.origin(path+".key"), path+".key", "has %d bytes, and %s needs %d; write one as `openssl rand -base64 %[3]d` prints it", len(key), k.Algorithm, want)
	case len(key) > want:
		l.warn(l.origin(path+".key"), path+".key", "has %d bytes, of which %s takes the first %d; authorization servers must cut it likewise", len(key), k.Algorithm, want)
	}
	first[k.ID] = i
}
