package bench

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"time"
)

// Credentials say how clients log in: all as one user, or each as its own with a time-limited credential that is derived from
// a secret, as the servers that are started here know it.
type Credentials struct {
	Username, Password string    // of the one user
	Secret             string    // of the derived ones, in place of the two above
	Expires            time.Time // of the derived ones
}

// of is the user of a flow.
func (c Credentials) of(flow int) (username, password string) {
	if c.Secret == "" {
		return c.Username, c.Password
	}
	username = fmt.Sprintf("%d:client%d", c.Expires.Unix(), flow)
	mac := hmac.New(sha1.New, []byte(c.Secret))
	mac.Write([]byte(username))
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// longTermKey is the key of the long-term credential mechanism. Its hash is MD5, which every server knows (RFC 8489 §9.2.2).
func longTermKey(username, realm, password string) []byte {
	key := md5.Sum([]byte(username + ":" + realm + ":" + password))
	return key[:]
}
