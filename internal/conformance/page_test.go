package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

const introduction = `<!-- Made by go test ./internal/conformance -update of the tables in internal/conformance/clauses: edit those. -->

# Conformance

What each RFC asks of a server, clause by clause, in words of our own, and what shows that
turnout does it: a behaviour script that runs against a whole server
([their language](../relay/testdata/README.md)), or a Go test. What an RFC asks of clients,
of authors of other documents and of networks is left out; where a sentence binds both
sides, the server's part of it is here. A SHOULD counts as a MUST. What is not met stands
first, with the reason.

Every script and test that is named here exists and runs in ` + "`go test ./...`" + `; a script that
shows no clause fails the build, and so does a section whose capitals (MUST, MUST NOT,
SHOULD …) are not all accounted for: ` + "`go doc turnout/internal/conformance`" + ` says how.

`

// A tally is how many clauses are how.
type tally struct{ met, notMet, moot int }

func (t *table) tally() (y tally) {
	for _, s := range t.sections {
		for _, c := range s.clauses {
			switch {
			case c.notMet != "":
				y.notMet++
			case c.moot != "":
				y.moot++
			default:
				y.met++
			}
		}
	}
	return y
}

// page is docs/conformance.md.
func page(tables []*table, repository *tree) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(introduction)
	b.WriteString("| RFC | | met | not met | does not apply |\n| --- | --- | ---: | ---: | ---: |\n")
	for _, t := range tables {
		y := t.tally()
		fmt.Fprintf(&b, "| [%s](#rfc-%s) | %s | %d | %d | %d |\n", t.rfc, t.rfc, t.title, y.met, y.notMet, y.moot)
	}
	writeNotMet(&b, tables)
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## RFC %s\n\n%s.\n", t.rfc, t.title)
		for _, s := range t.sections {
			if len(s.clauses) == 0 {
				continue
			}
			fmt.Fprintf(&b, "\n### §%s %s\n\n| | clause | evidence |\n| --- | --- | --- |\n", s.number, s.title)
			for _, c := range s.clauses {
				text, err := c.evidence(repository)
				if err != nil {
					return nil, err
				}
				fmt.Fprintf(&b, "| %s | %s | %s |\n", c.keywords(), cell(c.sentence), text)
			}
		}
	}
	return b.Bytes(), nil
}

// writeNotMet lists what is not met, of all RFCs.
func writeNotMet(b *bytes.Buffer, tables []*table) {
	b.WriteString("\n## Not met\n\n| clause | | | reason |\n| --- | --- | --- | --- |\n")
	for _, t := range tables {
		for _, s := range t.sections {
			for _, c := range s.clauses {
				if c.notMet != "" {
					fmt.Fprintf(b, "| RFC %s §%s | %s | %s | %s |\n", t.rfc, s.number, c.keywords(), cell(c.sentence), cell(c.notMet))
				}
			}
		}
	}
}

// keywords are those that the clause answers, without their numbers.
func (c *clause) keywords() string {
	var names []string
	for _, k := range keywords {
		if c.count[k] > 0 {
			names = append(names, k)
		}
	}
	return strings.Join(names, ", ")
}

// evidence is the third cell of a clause: reasons, links, notes.
func (c *clause) evidence(repository *tree) (string, error) {
	var parts []string
	if c.notMet != "" {
		parts = append(parts, "**Not met:** "+cell(c.notMet))
	}
	if c.moot != "" {
		parts = append(parts, "*Does not apply:* "+cell(c.moot))
	}
	for _, name := range c.scripts {
		parts = append(parts, fmt.Sprintf("[%s](../relay/testdata/%s.txt)", name[strings.Index(name, "/")+1:], name))
	}
	for _, name := range c.tests {
		file, err := repository.file(name)
		if err != nil {
			return "", err
		}
		parts = append(parts, fmt.Sprintf("[%s](../%s)", name, file))
	}
	for _, note := range c.notes {
		parts = append(parts, cell(note))
	}
	return strings.Join(parts, "<br>"), nil
}

// cell keeps text from ending a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
