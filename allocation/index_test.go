package allocation

import (
	"math/rand/v2"
	"testing"
)

// An index answers as a map does, whatever is put in and taken out.
func TestSlotIndexIsLikeAMap(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	keys := make([]uint32, 3000) // by slot
	x := newSlotIndex(func(r ref, k uint32) bool { return keys[r] == k })
	model := map[uint32]ref{}
	for i := range 100_000 {
		k := uint32(random.IntN(2*len(keys))) + 1 // 0 is that of a slot without one
		r := ref(k%uint32(len(keys)-1)) + 1
		switch {
		case x.at(k) != model[k]:
			t.Fatalf("step %d: key %d is found in slot %d, want %d", i, k, x.at(k), model[k])
		case model[k] != 0:
			keys[r]++ // a slot may have another key when it is taken out
			x.remove(k, r)
			keys[r] = 0
			delete(model, k)
		case keys[r] == 0:
			keys[r] = k
			x.put(k, r)
			model[k] = r
		}
		if x.len() != len(model) {
			t.Fatalf("step %d: %d entries, want %d", i, x.len(), len(model))
		}
	}
	for k, r := range model {
		if x.at(k) != r {
			t.Errorf("key %d is found in slot %d, want %d", k, x.at(k), r)
		}
	}
	x.remove(keys[1]+uint32(2*len(keys)), 1) // never put in
	if x.len() != len(model) {
		t.Error("what was not there has been taken out")
	}
}

// What an entry takes does not depend on how many there are.
func TestSlotIndexIsSmall(t *testing.T) {
	t.Parallel()
	x := newSlotIndex(func(r ref, k ref) bool { return r == k })
	for n := range ref(100_000) {
		x.put(n+1, n+1)
		if n < 2000 {
			continue
		}
		places := 0
		for i := range x.parts {
			places += len(x.parts[i].entries)
		}
		if per := 8 * places / x.len(); per > 14 {
			t.Fatalf("%d bytes for each of %d entries, want at most 14", per, x.len())
		}
	}
}
