package allocation

import (
	"errors"
	"testing"
)

func TestIDText(t *testing.T) {
	t.Parallel()
	for _, id := range []ID{0, 1, makeID(0, 0, 1), makeID(3, 77, 5), makeID(MaxWorkers-1, maxAllocations-1, 1<<32-1)} {
		if got, err := ParseID(id.String()); err != nil || got != id || len(id.String()) != idDigits {
			t.Errorf("%d is written %q and read as %d, %v", uint64(id), id, uint64(got), err)
		}
	}
	for _, text := range []string{"", "1", "000000000000000", "00000000000000001", "000000000000000g", "+00000000000000f", "000000000000000F", "0x00000000000001"} {
		if id, err := ParseID(text); !errors.Is(err, ErrID) {
			t.Errorf("%q is read as %d, %v", text, uint64(id), err)
		}
	}
}
