package allocation

import (
	"errors"
	"strconv"
)

// ErrID is what ParseID gives for a text that no ID has.
var ErrID = errors.New("not the id of an allocation")

const idDigits = 16

// String is the ID as operators see it, in 16 hexadecimal digits. What stands in them is nobody's business but ParseID's.
func (i ID) String() string {
	s := strconv.FormatUint(uint64(i), 16)
	return "0000000000000000"[:idDigits-len(s)] + s
}

// ParseID reads what String wrote. The error is ErrID.
func ParseID(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != idDigits || ID(n).String() != s {
		return 0, ErrID
	}
	return ID(n), nil
}
