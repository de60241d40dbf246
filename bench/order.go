package bench

// Order is the order in which n servers are measured in a round, by index: it begins with another server each round, and every
// second round goes backwards, so that over 2n rounds each server comes as often after each other as before it, and as
// often first as last.
func Order(n, round int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (i + round/2) % n
	}
	if round%2 == 1 {
		for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
			order[i], order[j] = order[j], order[i]
		}
	}
	return order
}
