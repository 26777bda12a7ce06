package document

import (
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/repeated"
)

const (
	// mergeChunk is how many events lie together.
	mergeChunk = 512
	// fewNames is up to how many names a scan is cheaper than a map.
	fewNames = 16
)

// jsonMerge is a decode.Sink that settles names that occur more than once in an object. It collects one item of the array that the
// value is, or the whole value if it is none.
type jsonMerge struct {
	out    decode.Sink
	policy string        // repeated.First, repeated.Last or repeated.List
	chunks [][]jsonEvent // each of mergeChunk, so that none is copied
	n      int32         // events in chunks
	open   []int32       // objects and arrays of what is collected
	array  bool          // the value is an array and open
	poll   *interrupt.Poll
}

// jsonEvent is one name, scalar, or beginning of an object or array.
type jsonEvent struct {
	text string
	end  int32 // behind what belongs to it
	kind byte  // of the first character; ':' a name
}

func (s *jsonMerge) add(kind byte, text string) error {
	if s.n >= decode.DefaultNodes {
		return &decode.LimitError{What: "nodes", Limit: decode.DefaultNodes}
	}
	if s.n%mergeChunk == 0 && int(s.n)/mergeChunk == len(s.chunks) {
		size := 16
		if s.n > 0 {
			size = mergeChunk
		}
		s.chunks = append(s.chunks, make([]jsonEvent, 0, size))
	}
	last := &s.chunks[s.n/mergeChunk]
	s.n++
	*last = append(*last, jsonEvent{text: text, kind: kind, end: s.n})
	return nil
}

func (s *jsonMerge) at(i int32) *jsonEvent { return &s.chunks[i/mergeChunk][i%mergeChunk] }

// forget makes room for the next item, of which most are small.
func (s *jsonMerge) forget() {
	clear(s.chunks[0])
	s.chunks[0] = s.chunks[0][:0]
	s.chunks = s.chunks[:1]
	s.n = 0
}

func (s *jsonMerge) scalar(kind byte, text string) error {
	if err := s.add(kind, text); err != nil {
		return err
	}
	return s.settle()
}

func (s *jsonMerge) begin(kind byte) error {
	if kind == '[' && !s.array && s.n == 0 {
		s.array = true
		return s.out.BeginArray()
	}
	if len(s.open) >= decode.DefaultDepth {
		return &decode.LimitError{What: "depth", Limit: decode.DefaultDepth}
	}
	s.open = append(s.open, s.n)
	return s.add(kind, "")
}

func (s *jsonMerge) close() error {
	if len(s.open) == 0 {
		s.array = false
		return s.out.EndArray()
	}
	last := len(s.open) - 1
	s.at(s.open[last]).end = s.n
	s.open = s.open[:last]
	return s.settle()
}

// settle tells what was collected, once it is whole.
func (s *jsonMerge) settle() error {
	if len(s.open) > 0 {
		return nil
	}
	if err := s.tell(0); err != nil {
		return err
	}
	s.forget()
	return nil
}

func (s *jsonMerge) tell(at int32) error {
	if err := s.poll.Err(); err != nil {
		return err
	}
	e := s.at(at)
	switch e.kind {
	case '{':
		return s.tellObject(at)
	case '[':
		if err := s.out.BeginArray(); err != nil {
			return err
		}
		for i := at + 1; i < e.end; i = s.at(i).end {
			if err := s.tell(i); err != nil {
				return err
			}
		}
		return s.out.EndArray()
	case '"':
		return s.out.String(e.text)
	case '0':
		return s.out.Number(e.text)
	case 't', 'f':
		return s.out.Bool(e.kind == 't')
	}
	return s.out.Null()
}

func (s *jsonMerge) tellObject(at int32) error {
	if err := s.out.BeginObject(); err != nil {
		return err
	}
	if few, err := s.tellFew(at); few || err != nil {
		return err
	}
	again := s.repeats(at)
	told := make(map[string]bool, len(again))
	for i := at + 1; i < s.at(at).end; i = s.at(i + 1).end {
		name := s.at(i).text
		values, repeated := again[name]
		if told[name] {
			continue
		}
		if err := s.out.Key(name); err != nil {
			return err
		}
		if !repeated {
			if err := s.tell(i + 1); err != nil {
				return err
			}
			continue
		}
		told[name] = true
		if err := s.tellValues(values); err != nil {
			return err
		}
	}
	return s.out.EndObject()
}

// tellValues tells the values of a name that occurs more than once.
func (s *jsonMerge) tellValues(values []int32) error {
	switch s.policy {
	case repeated.First:
		return s.tell(values[0])
	case repeated.Last:
		return s.tell(values[len(values)-1])
	}
	if err := s.out.BeginArray(); err != nil {
		return err
	}
	for _, v := range values {
		if err := s.tell(v); err != nil {
			return err
		}
	}
	return s.out.EndArray()
}

// tellFew tells the members of an object that has no more than fewNames, without memory, and ends it.
func (s *jsonMerge) tellFew(at int32) (few bool, err error) {
	end := s.at(at).end
	var names, values [fewNames]int32
	n := 0
	for i := at + 1; i < end; i = s.at(i + 1).end {
		if n == fewNames {
			return false, nil
		}
		names[n] = i
		n++
	}
	for j, i := range names[:n] {
		found := 0
		for k, other := range names[:n] {
			if s.at(other).text != s.at(i).text {
				continue
			}
			if k < j {
				break // it was told
			}
			values[found] = other + 1
			found++
		}
		if found == 0 {
			continue
		}
		if err := s.out.Key(s.at(i).text); err != nil {
			return false, err
		}
		if found == 1 {
			err = s.tell(values[0])
		} else {
			err = s.tellValues(values[:found])
		}
		if err != nil {
			return false, err
		}
	}
	return true, s.out.EndObject()
}

// repeats gives the values of the names of an object that occur more than once, nil if there are none.
func (s *jsonMerge) repeats(at int32) map[string][]int32 {
	first := make(map[string]int32, fewNames)
	var again map[string][]int32
	for i := at + 1; i < s.at(at).end; i = s.at(i + 1).end {
		name := s.at(i).text
		before, known := first[name]
		if !known {
			first[name] = i + 1
			continue
		}
		if again == nil {
			again = make(map[string][]int32)
		}
		if again[name] == nil {
			again[name] = []int32{before}
		}
		again[name] = append(again[name], i+1)
	}
	return again
}

// BeginObject implements decode.Sink.
func (s *jsonMerge) BeginObject() error { return s.begin('{') }

// EndObject implements decode.Sink.
func (s *jsonMerge) EndObject() error { return s.close() }

// BeginArray implements decode.Sink.
func (s *jsonMerge) BeginArray() error { return s.begin('[') }

// EndArray implements decode.Sink.
func (s *jsonMerge) EndArray() error { return s.close() }

// Key implements decode.Sink.
func (s *jsonMerge) Key(name string) error {
	if err := s.add(':', name); err != nil {
		return err
	}
	s.at(s.n-1).end++ // with the value, which follows at once
	return nil
}

// String implements decode.Sink.
func (s *jsonMerge) String(v string) error { return s.scalar('"', v) }

// Number implements decode.Sink.
func (s *jsonMerge) Number(literal string) error { return s.scalar('0', literal) }

// Bool implements decode.Sink.
func (s *jsonMerge) Bool(b bool) error {
	if b {
		return s.scalar('t', "")
	}
	return s.scalar('f', "")
}

// Null implements decode.Sink.
func (s *jsonMerge) Null() error { return s.scalar('n', "") }

var _ decode.Sink = (*jsonMerge)(nil)
