package reply

import (
	"slices"

	"github.com/itchyny/gojq"
)

// definitions are functions that every program has, written in jq over those of functions.
const definitions = `
def index_by(f): __index_by([.[] | [f]]);
def group_rows(f): __group_rows([.[] | [f]]);
def join_on($other; f; g): __join_on($other; [.[] | [f]]; [$other[] | [g]]; false);
def left_join_on($other; f; g): __join_on($other; [.[] | [f]]; [$other[] | [g]]; true);
def parse_date($format): __parse_date($format; "UTC");
def parse_date($format; $zone): __parse_date($format; $zone);
def format_date($format): __format_date($format; "UTC");
def format_date($format; $zone): __format_date($format; $zone);
def in_zone($zone): __in_zone($zone);
def round($digits): __round($digits);
def round_even($digits): __round_even($digits);
def query_string: __query_string;
def with_query($query): __with_query($query);
def path_segment: __path_segment;
.`

// define puts the definitions that a program uses before it; its own of the same name win.
func define(q *gojq.Query) error {
	used := map[string]bool{}
	look := &walker{
		query: func(*gojq.Query) {},
		term: func(t *gojq.Term) {
			if t.Func != nil {
				used[arity(t.Func.Name, len(t.Func.Args))] = true
			}
		},
		part: func(q *gojq.Query) *gojq.Query { return q },
	}
	look.visit(q)
	ours, err := gojq.Parse(definitions)
	if err != nil {
		return err
	}
	defs := slices.DeleteFunc(ours.FuncDefs, func(def *gojq.FuncDef) bool { return !used[arity(def.Name, len(def.Args))] })
	q.FuncDefs = append(defs, q.FuncDefs...)
	return nil
}
