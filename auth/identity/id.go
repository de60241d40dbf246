package identity

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// An id is `8:acs:<resource GUID>_<user GUID>`, GUIDs in lower case: exactly one
// underscore, by which Azure's SDKs tell users from other kinds of identity. All
// of it is printable ASCII without quotes, so that it can stand in a TURN username.
const idPrefix = "8:acs:"

const guidSize = 36

// errID is the reason of ids that have another form.
var errID = errors.New("want 8:acs:<GUID>_<GUID> in lower case")

// ParseID takes an id apart.
func ParseID(id string) (resource, user string, err error) {
	rest, ok := strings.CutPrefix(id, idPrefix)
	if !ok || len(rest) != 2*guidSize+1 || rest[guidSize] != '_' {
		return "", "", errID
	}
	resource, user = rest[:guidSize], rest[guidSize+1:]
	if !isGUID(resource) || !isGUID(user) {
		return "", "", errID
	}
	return resource, user, nil
}

// FormatID puts an id together from two GUIDs that [CheckGUID] has admitted.
func FormatID(resource, user string) string { return idPrefix + resource + "_" + user }

// CheckGUID wants 8-4-4-4-12 hexadecimal digits in lower case.
func CheckGUID(s string) error {
	if !isGUID(s) {
		return fmt.Errorf("GUID %q: want 8-4-4-4-12 hexadecimal digits in lower case", s)
	}
	return nil
}

func isGUID(s string) bool {
	if len(s) != guidSize {
		return false
	}
	for i := range guidSize {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// newGUID is a random one: version 4 (RFC 9562 §5.4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
