package repeated

import (
	"hash/maphash"
	"math"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// memberChunk is how many members lie together. Nothing is copied as they become more, which for the shortest names would take
// more memory than the members.
const memberChunk = 512

// Members collects the members of an object whose names may repeat, in the order of their first occurrence.
type Members struct {
	Policy string // First, Last or List; any other keeps the first value
	chunks [][]member
	n      int
	// table finds the first member with a name: its index and 1, at the place of the name's hash or behind it; 0 is free. Names and
	// numbers in a map would take three times as much.
	table []int32
	named int // places in table that are taken
	seed  maphash.Seed
}

type member struct {
	name, value string
	next        int32 // index of the next value of the same name; 0: none
	last        int32 // index of the last value of the same name, in the first; in the others -1
}

func (m *Members) at(i int) *member { return &m.chunks[i/memberChunk][i%memberChunk] }

// Add adds a member behind those that are there, or settles it as the policy says.
func (m *Members) Add(name, value string) error {
	if m.n == math.MaxInt32-1 {
		return &decode.LimitError{What: "members", Limit: math.MaxInt32 - 1}
	}
	if 4*(m.named+1) > 3*len(m.table) {
		m.widen()
	}
	at := int32(m.n) //nolint:gosec // checked above
	place := m.find(name)
	if m.table[place] == 0 {
		m.table[place] = at + 1
		m.named++
		m.push(member{name: name, value: value, last: at})
		return nil
	}
	first := m.at(int(m.table[place] - 1))
	switch m.Policy {
	case Last:
		first.value = value
	case List:
		m.at(int(first.last)).next = at
		first.last = at
		m.push(member{value: value, last: -1})
	}
	return nil
}

// Reset makes m empty. It keeps memory for a few members only: emptying takes time by the size that the table once had.
func (m *Members) Reset() {
	const fewMembers = 16
	if m.n > fewMembers {
		*m = Members{Policy: m.Policy}
		return
	}
	clear(m.table)
	if len(m.chunks) > 0 {
		clear(m.chunks[0])
		m.chunks[0] = m.chunks[0][:0]
		m.chunks = m.chunks[:1]
	}
	m.n, m.named = 0, 0
}

// find gives the place of a name in the table, or the free one where it belongs.
func (m *Members) find(name string) int {
	mask := len(m.table) - 1
	for i := int(maphash.String(m.seed, name)) & mask; ; i = (i + 1) & mask { //nolint:gosec // any bits will do
		if m.table[i] == 0 || m.at(int(m.table[i]-1)).name == name {
			return i
		}
	}
}

// widen doubles the table.
func (m *Members) widen() {
	if m.table == nil {
		m.seed = maphash.MakeSeed()
	}
	old := m.table
	m.table = make([]int32, max(16, 2*len(old)))
	for _, one := range old {
		if one != 0 {
			m.table[m.find(m.at(int(one-1)).name)] = one
		}
	}
}

func (m *Members) push(one member) {
	if m.n%memberChunk == 0 && (m.n > 0 || len(m.chunks) == 0) {
		m.chunks = append(m.chunks, nil)
	}
	last := &m.chunks[len(m.chunks)-1]
	if len(*last) == cap(*last) && len(m.chunks) > 1 {
		*last = make([]member, 0, memberChunk)
	}
	*last = append(*last, one)
	m.n++
}
