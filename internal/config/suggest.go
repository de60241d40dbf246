package config

import "strings"

// suggest is the known word closest to word, or "" if none is close: at most a
// third of its letters differ, or it differs in case and separators only.
func suggest(word string, known []string) string {
	folded := fold(word)
	best, least := "", max(1, min(len(word)/3, 3))+1
	for _, k := range known {
		if d := distance(folded, fold(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

var separators = strings.NewReplacer("-", "", "_", "")

func fold(s string) string { return separators.Replace(strings.ToLower(s)) }

// distance is how many letters must be inserted, deleted, replaced or swapped with their neighbour to make b of a.
func distance(a, b string) int {
	const longest = 64 // nothing longer is a key
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var before, last, row [longest + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// suggestKey is ": did you mean …" for an unknown key below a section, or a list of what the section has.
func suggestKey(parent, key string, siblings []field) string {
	names := make([]string, len(siblings))
	for i, f := range siblings {
		names[i] = f.key
	}
	if s := suggest(key, names); s != "" {
		return "did you mean " + join(parent, s) + "?"
	}
	for _, f := range schema {
		if f.key == key {
			return "did you mean " + f.path + "?"
		}
	}
	where := "a configuration"
	if parent != "" {
		where = plain(parent)
	}
	return where + " has " + strings.Join(names, ", ")
}
