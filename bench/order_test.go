package bench

import (
	"fmt"
	"testing"
)

// TestOrder wants every server as often in each place as any other, and as often before each other one as behind it.
func TestOrder(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 5; n++ {
		places := map[[2]int]int{} // server and place
		before := map[[2]int]int{}
		for round := range 2 * n {
			order := Order(n, round)
			if len(order) != n {
				t.Fatalf("%d servers: the order is %v", n, order)
			}
			for place, server := range order {
				places[[2]int{server, place}]++
				for _, later := range order[place+1:] {
					before[[2]int{server, later}]++
				}
			}
		}
		for server := range n {
			for place := range n {
				if got := places[[2]int{server, place}]; got != 2 {
					t.Errorf("%d servers: server %d is %d times in place %d, want twice", n, server, got, place)
				}
			}
			for other := range n {
				if a, b := before[[2]int{server, other}], before[[2]int{other, server}]; a != b {
					t.Errorf("%d servers: %d comes %d times before %d and %d times behind", n, server, a, other, b)
				}
			}
		}
	}
	if a, b := fmt.Sprint(Order(2, 0)), fmt.Sprint(Order(2, 1)); a == b {
		t.Errorf("two servers come as %v in both of two rounds", a)
	}
}
