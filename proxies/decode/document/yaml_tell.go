package document

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// yamlTeller tells a document.
type yamlTeller struct {
	o      *YAML
	out    decode.Sink
	budget *yamlBudget
	reader *yamlReader
	open   map[*yaml.Node]bool // aliases that are being written out, by what they name
	copies int                 // how many of them: what is told then is told once more
	named  bool                // the document has aliases, so no part of it is over once it is told
}

// document tells the value of a document.
func (t *yamlTeller) document(doc *yaml.Node) error {
	if len(doc.Content) != 1 {
		return t.out.Null()
	}
	values := t.count(doc.Content[0])
	if values*yamlNodeRoom > t.budget.limit {
		return &decode.LimitError{What: "bytes of memory as values with aliases written out, for its size", Limit: t.budget.limit}
	}
	t.open = map[*yaml.Node]bool{}
	return t.value(doc.Content[0])
}

// count counts values and names, and looks for aliases.
func (t *yamlTeller) count(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		t.named = true
		return 1
	}
	values := 1
	for _, c := range n.Content {
		values += t.count(c)
	}
	return values
}

func (t *yamlTeller) syntax(n *yaml.Node, msg string) error {
	return t.reader.at(n, msg)
}

// value tells a value.
func (t *yamlTeller) value(n *yaml.Node) error {
	if t.copies > 0 {
		if err := t.budget.again(n, true); err != nil {
			return err
		}
	}
	if err := t.budget.poll.Err(); err != nil {
		return err
	}
	if n.Kind == yaml.AliasNode {
		return t.alias(n, func() error { return t.value(n.Alias) })
	}
	if n.Style&yaml.TaggedStyle != 0 && !yamlKnownTag(n.Tag) {
		switch t.o.Tags {
		case YAMLTagsError:
			return t.syntax(n, "the tag "+excerpt.Of(n.Tag)+" is unknown; see the option tags")
		case YAMLTagsObject:
			if err := t.out.BeginObject(); err != nil {
				return err
			}
			if err := t.out.Key(n.Tag); err != nil {
				return err
			}
			if err := t.plain(n); err != nil {
				return err
			}
			return t.out.EndObject()
		}
	}
	return t.plain(n)
}

// alias runs what goes into what an alias names.
func (t *yamlTeller) alias(n *yaml.Node, into func() error) error {
	if t.open[n.Alias] {
		return t.syntax(n, "the alias *"+excerpt.Of(n.Value)+" stands inside of what it names")
	}
	if len(t.open) >= decode.DefaultDepth {
		return &decode.LimitError{What: "depth", Limit: decode.DefaultDepth}
	}
	t.open[n.Alias] = true
	t.copies++
	err := into()
	t.copies--
	delete(t.open, n.Alias)
	return err
}

// plain tells a value without its tag, if that is unknown.
func (t *yamlTeller) plain(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		return t.object(n)
	}
	if n.Kind == yaml.SequenceNode {
		return t.array(n)
	}
	return t.scalar(n)
}

func (t *yamlTeller) array(n *yaml.Node) error {
	if err := t.out.BeginArray(); err != nil {
		return err
	}
	for i, c := range n.Content {
		if err := t.value(c); err != nil {
			return err
		}
		if !t.named {
			n.Content[i] = nil
		}
	}
	return t.out.EndArray()
}

func (t *yamlTeller) object(n *yaml.Node) error {
	if err := t.out.BeginObject(); err != nil {
		return err
	}
	var own map[string]bool // names that merge keys may not give
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if isMerge(key) {
			if own == nil {
				var err error
				if own, err = t.names(n); err != nil {
					return err
				}
			}
			if err := t.merge(value, own, nil); err != nil {
				return err
			}
			continue
		}
		if err := t.member(key, value); err != nil {
			return t.twice(n, err)
		}
		if !t.named {
			n.Content[i+1] = nil
		}
	}
	return t.twice(n, t.out.EndObject())
}

// twice gives the error of a name that occurs twice its place, where it is a name of this object.
func (t *yamlTeller) twice(n *yaml.Node, err error) error {
	d, ok := err.(*decode.DuplicateError) //nolint:errorlint // what is wrapped is another object's
	if !ok {
		return err
	}
	var first *yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if name, err := t.name(key); err != nil || isMerge(key) || excerpt.Of(name) != d.Name {
			continue
		}
		if first != nil {
			return t.syntax(key, fmt.Sprintf("%v, first in line %d; see the option duplicates", d, first.Line))
		}
		first = key
	}
	return err
}

func (t *yamlTeller) member(key, value *yaml.Node) error {
	name, err := t.name(key)
	if err != nil {
		return err
	}
	if t.copies > 0 {
		if err := t.budget.again(key, true); err != nil {
			return err
		}
	}
	if err := t.out.Key(name); err != nil {
		return err
	}
	return t.value(value)
}

// name gives the text of a name.
func (t *yamlTeller) name(key *yaml.Node) (string, error) {
	if key.Kind == yaml.AliasNode {
		if err := t.budget.again(key.Alias, true); err != nil {
			return "", err
		}
		key = key.Alias
	}
	if key.Kind != yaml.ScalarNode {
		return "", t.syntax(key, "a list or an object where a name is due")
	}
	return key.Value, nil
}

// isMerge says whether a name is the merge key.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && (key.Tag == "!!merge" || key.Style == 0)
}

// names gives the names of an object's own members.
func (t *yamlTeller) names(n *yaml.Node) (map[string]bool, error) {
	names := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			continue
		}
		name, err := t.name(n.Content[i])
		if err != nil {
			return nil, err
		}
		names[name] = true
		if err := t.budget.take(yamlToldRoom); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// merge tells the members that a merge key gives, but for the names that are taken: of an object, or of several, of which
// the first to have a name counts. The names are taken then.
func (t *yamlTeller) merge(n *yaml.Node, taken map[string]bool, from *yaml.Node) error {
	if err := t.budget.again(n, false); err != nil {
		return err
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return t.alias(n, func() error { return t.merge(n.Alias, taken, from) })
	case n.Kind == yaml.SequenceNode && from == nil:
		for _, c := range n.Content {
			if err := t.merge(c, taken, n); err != nil {
				return err
			}
		}
		return nil
	case n.Kind != yaml.MappingNode:
		return t.syntax(n, "a merge key << takes an object, or a list of them")
	}
	// Its own members go before those that it merges itself.
	for _, merges := range []bool{false, true} {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if isMerge(key) != merges {
				continue
			}
			if err := t.merged(key, value, taken); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *yamlTeller) merged(key, value *yaml.Node, taken map[string]bool) error {
	if err := t.budget.again(key, false); err != nil {
		return err
	}
	if isMerge(key) {
		return t.merge(value, taken, nil)
	}
	name, err := t.name(key)
	if err != nil || taken[name] {
		return err
	}
	taken[name] = true
	return t.member(key, value)
}

// yamlKnownTag says whether a tag is one of YAML's own.
func yamlKnownTag(tag string) bool {
	switch strings.TrimPrefix(tag, "!!") {
	case "str", "int", "float", "bool", "null", "binary", "timestamp", "map", "seq", "set", "omap", "pairs", "merge", "value":
		return strings.HasPrefix(tag, "!!")
	}
	return tag == "" || tag == "!"
}
