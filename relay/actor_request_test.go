package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"turnout/auth"
	"turnout/stun"
)

var verbs = map[string]stun.Method{
	"binding": stun.MethodBinding, "allocate": stun.MethodAllocate, "refresh": stun.MethodRefresh,
	"permission": stun.MethodCreatePermission, "bind": stun.MethodChannelBind,
	"tcp-connect": stun.MethodConnect, "connection-bind": stun.MethodConnectionBind,
}

// request sends a request, after a challenge if the client has none yet.
func (a *actor) request(l line) {
	a.script.t.Helper()
	m, ok := verbs[l.verb]
	if !ok {
		a.fatalf("a client cannot %s", l.verb)
	}
	authenticated := m != stun.MethodBinding && l.values["auth"] != "none"
	if authenticated && a.nonce == nil {
		a.getChallenge(m)
	}
	class := stun.ClassRequest
	if l.values["class"] != "" {
		n, _ := strconv.Atoi(l.values["class"])
		class = stun.Class(n)
	}
	id := stun.NewTransactionID()
	if tid := l.values["tid"]; tid != "" {
		id = stun.TransactionID{}
		copy(id[:], "tid-"+tid)
	}
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(m, class), id)
	if m == stun.MethodAllocate && l.values["transport"] == "" {
		b.AddUint8(stun.AttrRequestedTransport, 17, 4)
	}
	a.attributes(&b, l)
	if authenticated {
		if a.token != nil && (m == stun.MethodAllocate || m == stun.MethodRefresh) && !strings.Contains(l.values["omit"], "access-token") {
			b.Add(stun.AttrAccessToken, a.token) // RFC 7635 §9: in these only
		}
		a.sign(&b, l)
	}
	for i, k := range l.keys {
		if key, behind := strings.CutPrefix(k, "after-"); behind { // the integrity, and must be ignored
			a.attribute(&b, key, l.all[i])
		}
	}
	a.send(a.fingerprinted(&b, l), l)
}

// fingerprinted adds FINGERPRINT as the line says: good, bad, or not the last attribute.
func (a *actor) fingerprinted(b *stun.Builder, l line) []byte {
	switch l.values["fingerprint"] {
	case "good":
		b.AddFingerprint()
	case "bad":
		b.AddFingerprint()
		b.Bytes()[len(b.Bytes())-1] ^= 1
	case "early":
		b.AddFingerprint()
		b.AddString(stun.AttrSoftware, "late")
	}
	return b.Bytes()
}

// send writes a request, perhaps "tampered" with on its way.
func (a *actor) send(message []byte, l line) {
	a.script.t.Helper()
	for _, w := range l.words {
		if w != "tampered" {
			a.fatalf("what is %q?", w)
		}
		message[len(message)-1] ^= 1
	}
	to := a.server()
	if v, ok := l.values["to"]; ok {
		to = a.script.address(v)
	}
	a.write(message, to)
}

// getChallenge learns realm and nonce as a client does, by a request without credentials.
func (a *actor) getChallenge(m stun.Method) {
	a.script.t.Helper()
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(m, stun.ClassRequest), stun.NewTransactionID())
	a.write(b.Bytes(), a.server())
	p, ok := a.next()
	if !ok {
		a.fatalf("no challenge")
	}
	msg, err := stun.Parse(p.bytes)
	if err != nil {
		a.fatalf("challenge: %v", err)
	}
	if code, _, err := msg.ErrorCode(); err != nil || code != stun.CodeUnauthenticated {
		a.fatalf("challenge: %v", describe(p.bytes))
	}
	a.learn(msg)
}

// learn keeps what a challenge tells.
func (a *actor) learn(m stun.Message) {
	if realm, ok := m.Attribute(stun.AttrRealm); ok {
		a.realm = string(realm)
	}
	if nonce, ok := m.Attribute(stun.AttrNonce); ok {
		a.nonce = slices.Clone(nonce)
	}
	if list, ok := m.Attribute(stun.AttrPasswordAlgorithms); ok {
		a.challenge = slices.Clone(list)
	}
}

// sign adds the credentials, but for what "omit=username,nonce" leaves out.
func (a *actor) sign(b *stun.Builder, l line) {
	a.script.t.Helper()
	omitted := strings.Split(l.values["omit"], ",")
	unless := func(name string, add func()) {
		if !slices.Contains(omitted, name) {
			add()
		}
	}
	or := func(key, otherwise string) string {
		if v, ok := l.values[key]; ok {
			return v
		}
		return otherwise
	}
	user, password, realm := or("user", a.user), or("password", a.password), or("realm", a.realm)
	unless("username", func() {
		if l.values["userhash"] != "" {
			hash := auth.Userhash(user, realm)
			b.Add(stun.AttrUserhash, hash[:])
		} else {
			b.AddString(stun.AttrUsername, user)
		}
	})
	unless("realm", func() { b.AddString(stun.AttrRealm, realm) })
	unless("nonce", func() { b.Add(stun.AttrNonce, a.usedNonce(l.values["nonce"])) })

	algorithm, integrity := a.algorithm, "sha1"
	_, list := l.values["algorithms"]
	if v, one := l.values["algorithm"]; one || list || algorithm == auth.SHA256 {
		integrity = "sha256"
		wire := stun.PasswordAlgorithm(algorithm)
		if one {
			wire = a.passwordAlgorithms(v)[0]
		}
		if wire == stun.PasswordMD5 || wire == stun.PasswordSHA256 {
			algorithm = auth.Algorithm(wire)
		}
		unless("algorithms", func() { b.Add(stun.AttrPasswordAlgorithms, a.listed(or("algorithms", "echo"))) })
		unless("algorithm", func() { b.AddPasswordAlgorithm(wire) })
	}
	key := a.key(algorithm, user, realm, password)
	unless("integrity", func() { addIntegrity(b, or("integrity", integrity), key) })
}

// key is what the client signs with.
func (a *actor) key(algorithm auth.Algorithm, user, realm, password string) []byte {
	if a.macKey != nil {
		return a.macKey // RFC 7635 §5
	}
	return auth.DeriveKey(nil, algorithm, user, realm, password)
}

// usedNonce is the nonce a request carries: the client's own, "forged", that of
// another one ("of-client2"), or a text.
func (a *actor) usedNonce(v string) []byte {
	switch other, isOther := strings.CutPrefix(v, "of-"); {
	case v == "":
		return a.nonce
	case isOther:
		return a.script.actor(other).nonce
	case v == "forged":
		nonce := slices.Clone(a.nonce)
		nonce[len(nonce)-1] ^= 3
		return nonce
	}
	return []byte(v)
}

// listed is a value of PASSWORD-ALGORITHMS: what the server sent ("echo") or a list.
func (a *actor) listed(v string) []byte {
	if v == "echo" {
		return a.challenge
	}
	return stun.AppendPasswordAlgorithms(nil, a.passwordAlgorithms(v)...)
}

// passwordAlgorithms reads "sha256,md5" or numbers.
func (a *actor) passwordAlgorithms(v string) (list []stun.PasswordAlgorithm) {
	a.script.t.Helper()
	for _, name := range strings.Split(v, ",") {
		switch name {
		case "md5":
			list = append(list, stun.PasswordMD5)
		case "sha256":
			list = append(list, stun.PasswordSHA256)
		default:
			n, err := strconv.ParseUint(name, 0, 16)
			if err != nil {
				a.fatalf("password algorithm %s: %v", name, err)
			}
			list = append(list, stun.PasswordAlgorithm(n))
		}
	}
	return list
}

// addIntegrity signs the message: by sha1, sha256, both, or by the first 16
// bytes of SHA-256 (short).
func addIntegrity(b *stun.Builder, by string, key []byte) {
	switch by {
	case "sha1":
		b.AddIntegrity(key, stun.IntegritySHA1)
	case "sha256":
		b.AddIntegrity(key, stun.IntegritySHA256)
	case "both":
		b.AddIntegrity(key, stun.IntegritySHA1)
		b.AddIntegrity(key, stun.IntegritySHA256)
	case "short":
		const size = 16
		text := slices.Clone(b.Bytes())
		binary.BigEndian.PutUint16(text[2:], uint16(len(text)-stun.HeaderSize+stun.AttributeHeaderSize+size))
		mac := hmac.New(sha256.New, key)
		mac.Write(text)
		b.Add(stun.AttrMessageIntegritySHA256, mac.Sum(nil)[:size])
	default:
		panic("no integrity by " + by)
	}
}
