package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration, far above any real one. The parser recurses, and carries at each depth the path from the root:
// without a bound on the depth, a file of brackets takes all memory there is.
const (
	maxSize  = 1 << 18 // bytes
	maxDepth = 64      // brackets inside each other, or list items begun on one line
)

// parse is the one document in text: nil if it is empty. Errors never hold a piece of the text, which may be a secret.
func parse(text []byte) (root ast.Node, line int, err error) {
	defer func() {
		// The parser is written by others and this text by hand: whatever it makes of it, the answer is an error.
		if r := recover(); r != nil {
			root, line, err = nil, 0, errors.New("is not valid YAML")
		}
	}()
	if len(text) > maxSize {
		return nil, 0, fmt.Errorf("is longer than %d bytes; is it the right file?", maxSize)
	}
	tokens := lexer.Tokenize(string(text))
	if line := tooDeep(tokens); line > 0 {
		return nil, line, fmt.Errorf("is nested more than %d deep; is it the right file?", maxDepth)
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
			return nil, syntax.Token.Position.Line, fmt.Errorf("is not valid YAML: %s", syntax.Message)
		}
		return nil, 0, errors.New("is not valid YAML")
	}
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			return nil, lineOf(doc.Body), errors.New("holds a second document; write one")
		}
		root = doc.Body
	}
	return root, 0, nil
}

// tooDeep is the line where tokens nest beyond maxDepth; 0: nowhere.
func tooDeep(tokens token.Tokens) int {
	depth, items, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			items, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			items++
		}
		if depth > maxDepth || items > maxDepth {
			return t.Position.Line
		}
	}
	return 0
}

// at is where n stands, inside the source of o.
func at(o origin, n ast.Node) origin {
	if line := lineOf(n); line > 0 && o.layer == layerFile {
		o.line = line
	}
	return o
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 0
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// scalar is the text of a single value: what stands in the file, so that a
// password 007 or a realm 1e3 stays as it was written.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// keyText is the text of a mapping's key.
func keyText(n ast.MapKeyNode) (string, bool) {
	if _, null := n.(*ast.NullNode); null {
		return "", false
	}
	return scalar(n)
}
