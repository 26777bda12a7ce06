package wrap

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Column is one column of rows.
type Column struct {
	// Name of the member.
	Name string `json:"name"`
	// Type is string, integer, number, bool, date (RFC 3339 full-date) or any.
	Type string `json:"type"`
	// Optional says that a row may lack it or have null. Default false.
	Optional bool `json:"optional,omitempty"`
}

// columnTypes are the types of columns as JSON Schema has them; empty: any.
func columnTypes() map[string]string {
	return map[string]string{"string": "string", "integer": "integer", "number": "number", "bool": "boolean", "date": "string", "any": ""}
}

// ParseColumn reads name:type or name:type?; without a type it is any.
func ParseColumn(text string) (Column, error) {
	name, kind, typed := strings.Cut(text, ":")
	c := Column{Name: name, Type: kind}
	c.Type, c.Optional = strings.CutSuffix(kind, "?")
	if !typed {
		c.Name, c.Optional = strings.CutSuffix(name, "?")
		c.Type = "any"
	}
	return c, c.check()
}

func (c Column) check() error {
	if c.Name == "" {
		return fmt.Errorf("a column needs a name: columns id:integer name:string")
	}
	if _, ok := columnTypes()[c.Type]; !ok {
		known := []string{"string", "integer", "number", "bool", "date", "any"}
		return fmt.Errorf("%q is no type of a column; it is one of %s%s", c.Type, strings.Join(known, ", "), Suggest(c.Type, known))
	}
	return nil
}

// rowSchema is a JSON Schema of rows, in the order in which it is read.
type rowSchema struct {
	Schema     string                     `json:"$schema,omitempty"`
	Type       string                     `json:"type"`
	Items      *rowSchema                 `json:"items,omitempty"`
	Properties map[string]json.RawMessage `json:"properties,omitempty"`
	Required   []string                   `json:"required,omitempty"`
	Additional *bool                      `json:"additionalProperties,omitempty"`
}

// columnsSchema makes the JSON Schema of rows of these columns, or of one row. A member that is no column breaks it.
func columnsSchema(columns []Column, one bool) ([]byte, error) {
	none := false
	row := &rowSchema{Type: "object", Properties: map[string]json.RawMessage{}, Additional: &none}
	for i, c := range columns {
		if err := c.check(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(columns[:i], func(other Column) bool { return other.Name == c.Name }) {
			return nil, fmt.Errorf("the column %s is there twice", c.Name)
		}
		member := map[string]any{}
		kind := columnTypes()[c.Type]
		switch {
		case kind == "":
		case c.Optional:
			member["type"] = []string{kind, "null"}
		default:
			member["type"] = kind
		}
		if c.Type == "date" {
			member["format"] = "date"
		}
		text, err := json.Marshal(member)
		if err != nil {
			return nil, err
		}
		row.Properties[c.Name] = text
		if !c.Optional {
			row.Required = append(row.Required, c.Name)
		}
	}
	const dialect = "https://json-schema.org/draft/2020-12/schema"
	if one {
		row.Schema = dialect
		return json.Marshal(row)
	}
	return json.Marshal(&rowSchema{Schema: dialect, Type: "array", Items: row})
}
