package conformance

import (
	"regexp"
	"strings"
)

var (
	pageEdge = regexp.MustCompile(`^.*\[Page \d+\]$|^RFC \d+ .*\d{4}$`)
	heading  = regexp.MustCompile(`^(?:(\d+(?:\.\d+)*)\.|Appendix [A-Z]\.|[A-Z]\.\d+\.|Acknowl|Author|Contributors|Table of Contents|Abstract|Status of)(?: |$)`)
	contents = regexp.MustCompile(`\.\.\.\.| \. \. `) // a line of the table of contents
	keyword  = regexp.MustCompile(`\b(?:` + strings.Join(keywords, "|") + `)\b`)
)

// keywordsOf counts the keywords of each section in the text of an RFC, and tells the
// sections' titles. What stands before the first section and in appendices does not
// count.
func keywordsOf(text string) (counts map[string]count, titles map[string]string) {
	counts, titles = map[string]count{}, map[string]string{}
	number, words := "", []string{}
	end := func() {
		if number != "" {
			for _, k := range keyword.FindAllString(strings.Join(words, " "), -1) {
				if counts[number] == nil {
					counts[number] = count{}
				}
				counts[number][k]++
			}
		}
		words = words[:0]
	}
	for line := range strings.Lines(strings.ReplaceAll(text, "\f", "")) {
		line = strings.TrimRight(line, " \r\n")
		if pageEdge.MatchString(line) {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil && !contents.MatchString(line) {
			end()
			number = m[1]
			titles[number] = strings.Join(strings.Fields(line)[1:], " ")
		}
		words = append(words, strings.Fields(line)...)
	}
	end()
	return counts, titles
}
