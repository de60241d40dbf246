package config

import (
	"fmt"
	"maps"
	"slices"
)

// checkClasses keeps the names of classes what a credential can carry, and finds classes that an issuer's claim maps to and
// that nobody has described: their users would have what quota.user says.
func (l *loader) checkClasses() {
	for _, name := range slices.Sorted(maps.Keys(l.out.Classes)) {
		key := join("classes", shown(name))
		switch o := l.origin(key); {
		case !idShape.MatchString(name):
			l.wrong(o, key, "is no name for a class; write 1 to 16 of a-z, 0-9 and -")
		case name == "default":
			l.wrong(o, key, "is what credentials without a class have; write it under quota.user")
		}
	}
	if len(l.out.Listen) == 0 {
		return // the relay, whose classes they are, has a file of its own
	}
	for i, issuer := range l.out.API.Issuers {
		for _, value := range slices.Sorted(maps.Keys(issuer.Classes)) {
			class := issuer.Classes[value]
			if _, ok := l.out.Classes[class]; !ok && class != "default" {
				key := join(fmt.Sprintf("api.issuers[%d].classes", i), shown(value))
				l.wrong(l.origin(key), key, "means the class %s, which is not in classes; add it there", quote(class))
			}
		}
	}
}
