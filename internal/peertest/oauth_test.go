package peertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// What servers and coturn's tools know of an authorization server. coturn's client
// picks another of its keys, and makes another token, for every Allocate and
// Refresh.
const (
	oauthName = "turn.turnout.test"
	northKey  = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK"
	oauthKeys = `[{kid: north, key: ` + northKey + `, alg: A256GCM},
      {kid: union, key: MTIzNDU2Nzg5MDEyMzQ1Ngo=, alg: A128GCM},
      {kid: oldempire, key: MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK, alg: A256GCM}]`
)

// TestCoturnOAuth has coturn's client come with access tokens (RFC 7635) and wants
// every byte back. It reserves no port for RTCP (-c): the reservation would be
// another token's than the Allocate that claims it.
func TestCoturnOAuth(t *testing.T) {
	peers(t)
	t.Parallel()
	uclient := tool(t, "turnutils_uclient")
	s := start(t)
	if s.admin == "" {
		t.Skip("a server that was running already may know no authorization server")
	}
	echo := startEcho(t, tool(t, "turnutils_peer"))
	// The user's password is wrong: what is admitted is the token.
	holder := []string{"-J", "-c", "-u", user, "-w", "looking-glass", "-p", strconv.Itoa(s.port), "-r", echo}
	for name, args := range map[string][]string{
		"channels":          {"-e", "127.0.0.1", "127.0.0.1"},
		"send indications":  {"-s", "-e", "127.0.0.1", "127.0.0.1"},
		"TCP":               {"-t", "-e", "127.0.0.1", "127.0.0.1"},
		"IPv6":              {"-x", "-e", "::1", "::1"},
		"repeated requests": {"-G", "-e", "127.0.0.1", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runClient(t, uclient, slices.Concat(holder, args))
		})
	}
}

// TestCoturnTokens has coturn read a token that turnout made, and turnout admit
// one that coturn made.
func TestCoturnTokens(t *testing.T) {
	peers(t)
	t.Parallel()
	oauth := tool(t, "turnutils_oauth")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key := []string{"-i", oauthName, "-j", "north", "-k", northKey, "-n", "A256GCM", "-l", strconv.FormatInt(time.Now().Unix(), 10), "-m", "21600"}

	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "turnout.yaml")
	text := "listen: udp://127.0.0.1:1\nauth: {oauth: {server-name: " + oauthName + ", keys: [{kid: north, key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}]}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := output(ctx, name, "token", "oauth", "--ttl", "30m", "--config", file)
	var answer struct {
		MACKey      string `json:"mac_key"`
		AccessToken string `json:"access_token"`
	}
	if err != nil || json.Unmarshal([]byte(made), &answer) != nil {
		t.Fatalf("turnout token oauth: %v\n%s", err, made)
	}
	macKey, err := base64.StdEncoding.DecodeString(answer.MACKey)
	if err != nil {
		t.Fatal(err)
	}
	read, err := output(ctx, oauth, append([]string{"-v", "-d", "-t", answer.AccessToken}, key...)...)
	for _, want := range []string{"-=Valid token!=-", string(macKey), "mac key length: 20", "lifetime: 1800"} {
		if err != nil || !strings.Contains(read, want) {
			t.Errorf("turnutils_oauth reads a token of turnout as (%v):\n%s\nwant %q", err, read, want)
		}
	}

	const mac = "01234567890123456789"
	made, err = output(ctx, oauth, append([]string{"-v", "-e", "-o", "MTIzNDU2Nzg5MDEy", "-p", base64.StdEncoding.EncodeToString([]byte(mac)), "-r", "100"}, key...)...)
	if err != nil || json.Unmarshal([]byte(made), &answer) != nil {
		t.Fatalf("turnutils_oauth: %v\n%s", err, made)
	}
	token, err := base64.StdEncoding.DecodeString(answer.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t)
	if s.admin == "" {
		return
	}
	allocateByToken(t, s.address(), token, []byte(mac))
}

// allocateByToken allocates as the holder of an access token. RFC 7635 §5.
func allocateByToken(t *testing.T, address string, token, macKey []byte) {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	udp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
	challenge := exchange(t, conn, stun.MethodAllocate, udp)
	name, err := challenge.Get(0x802E)
	if err != nil || string(name) != oauthName {
		t.Fatalf("THIRD-PARTY-AUTHORIZATION: %q, %v", name, err)
	}
	var nonce stun.Nonce
	if err := nonce.GetFrom(challenge); err != nil {
		t.Fatal(err)
	}
	integrity := stun.MessageIntegrity(macKey)
	response := exchange(t, conn, stun.MethodAllocate, udp, stun.RawAttribute{Type: 0x001B, Value: token},
		stun.NewUsername("north"), stun.NewRealm(realm), nonce, integrity)
	lifetime, err := response.Get(stun.AttrLifetime)
	if err != nil || lifetime[0] != 0 || lifetime[2] != 0 || lifetime[3] > 105 || integrity.Check(response) != nil {
		t.Errorf("%v, LIFETIME %v, want an allocation of at most 105 s", response, lifetime)
	}
}
