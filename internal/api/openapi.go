package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// description is the service in OpenAPI 3.1, dialects included. A test holds it
// against the routes and against what they answer.
//
//go:embed openapi.json
var description []byte

// dialectMark is the member of an operation that only a dialect has.
const dialectMark = "x-turnout-dialect"

// openAPI is the description without the dialects that are off.
func (s *Service) openAPI() ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(description, &document); err != nil {
		return nil, fmt.Errorf("description of the service: %w", err)
	}
	paths, _ := document["paths"].(map[string]any)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		left := 0
		for name, value := range operations {
			operation, ok := value.(map[string]any)
			if !ok {
				continue // parameters of all operations
			}
			if dialect, ok := operation[dialectMark].(string); ok && !s.Dialects.on(dialect) {
				delete(operations, name)
				continue
			}
			left++
		}
		if left == 0 {
			delete(paths, path)
		}
	}
	return json.Marshal(document)
}
