package relay

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestTally counts many culprits on several workers: all of it is counted, who had a ninth of all is named, and nobody is
// given more than they had.
func TestTally(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var workers [3]tally
		exact := map[culprit]uint64{}
		n := 1 + random.IntN(3000)
		kinds := 1 + random.IntN(60)
		for range n {
			who := culprit{subject: fmt.Sprint(random.IntN(kinds) * random.IntN(kinds) / kinds)} // small numbers more often
			workers[random.IntN(len(workers))].add(who)
			exact[who]++
		}
		var all tally
		for i := range workers {
			all.merge(&workers[i])
		}
		if all.times != uint64(n) {
			t.Fatalf("%d counted of %d", all.times, n)
		}
		for _, c := range all.most {
			if c.times > exact[c.who] {
				t.Fatalf("%v has %d, of %d", c.who, c.times, exact[c.who])
			}
		}
		for who, times := range exact {
			if times*9 > uint64(n) && all.top().times == 0 {
				t.Fatalf("nobody is named, and %v had %d of %d", who, times, n)
			}
			if times*2 > uint64(n) && all.top().who != who {
				t.Fatalf("%v is named, and %v had %d of %d", all.top().who, who, times, n)
			}
		}
	}
}

// One culprit alone is counted exactly.
func TestTallyOfOne(t *testing.T) {
	t.Parallel()
	var a, b, all tally
	carol := culprit{subject: "carol"}
	for range 5 {
		a.add(carol)
		b.add(carol)
	}
	all.merge(&a)
	all.merge(&b)
	if all.times != 10 || all.top() != (candidate{carol, 10}) {
		t.Errorf("%+v", all)
	}
	if (&tally{}).top() != (candidate{}) {
		t.Error("an empty tally names somebody")
	}
}
