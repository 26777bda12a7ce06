package markup

type xmlEvent uint8

const (
	xmlNone   xmlEvent = iota
	xmlRecord          // the nodes of what is to be told are there
	xmlEnd             // the document has ended
)

type xmlKind uint8

const (
	xmlElement xmlKind = iota
	xmlAttr
	xmlText
	xmlCData
	xmlAbsent // stands for a list that is empty; from is its index in xmlPlan.list
)

type xmlFlags uint16

const (
	xmlCoded   xmlFlags = 1 << iota // of text: it is not what it stands for, as it has references or ends of line
	xmlBlank                        // of text: nothing but white space
	xmlHasText                      // of elements, as all that follow
	xmlHasElements
	xmlHasAttrs
	xmlHasAbsent
	xmlIsList
	xmlInOrder // to be told as #content
	xmlNil     // xsi:nil is true
	xmlHit
)

// xmlNode is one part of the document. A subtree is one run of nodes: an element, its attributes, its children.
// Places in the text count from the parser's origin.
type xmlNode struct {
	from, to uint32 // the name as it is told, or the text
	a, b     uint32 // elements: the node after the subtree, the next of the same name; attributes: their value
	ns       uint32 // namespace of an element, where names are stripped
	flags    xmlFlags
	kind     xmlKind
}

// end is the index of the node after n, which has index i, and all within it.
func (n *xmlNode) end(i int) int {
	if n.kind == xmlElement {
		return int(n.a)
	}
	return i + 1
}
