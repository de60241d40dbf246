package stun_test

import (
	"testing"

	"turnout/stun"
)

// TestAttributesInlined: ranging over Attributes allocates nothing in other
// packages either, which needs the compiler to inline it there.
func TestAttributesInlined(t *testing.T) {
	var b stun.Builder
	b.Reset(nil, stun.NewMessageType(stun.MethodBinding, stun.ClassRequest), stun.TransactionID{})
	b.AddString(stun.AttrSoftware, "turnout")
	b.AddFingerprint()
	m, err := stun.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	count, size := 0, 0
	allocs := testing.AllocsPerRun(100, func() {
		count, size = 0, 0
		for _, v := range m.Attributes() {
			count++
			size += len(v)
		}
	})
	if allocs != 0 || count != 2 || size != 11 {
		t.Errorf("%v allocations, %d attributes, %d bytes", allocs, count, size)
	}
}
