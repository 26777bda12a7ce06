package markup

import "bytes"

// doctype goes on behind a document type, of whose declarations only those of entities matter.
func (p *xmlParser) doctype() error {
	const what = "the document type"
	depth := 0
	p.entities = nil
	for i := p.pos + 2; i < len(p.buf); i++ {
		switch p.buf[i] {
		case '"', '\'':
			n := bytes.IndexByte(p.buf[i+1:], p.buf[i])
			if n < 0 {
				return p.short(what)
			}
			i += 1 + n
		case '[':
			depth++
		case ']':
			depth--
		case '<':
			if depth == 1 && hasPrefix(p.buf[i:], entityMark) {
				if p.entities == nil {
					p.entities = &xmlEntities{declared: map[string]*xmlEntity{}}
				}
				next, ok := p.entities.declare(p.buf, i)
				if !ok {
					return p.short(what)
				}
				i = next - 1
				continue
			}
			for open, end := range map[string]string{"<!--": "-->", "<?": "?>"} {
				if !hasPrefix(p.buf[i:], open) {
					continue
				}
				n := bytes.Index(p.buf[i+len(open):], []byte(end))
				if n < 0 {
					return p.short(what)
				}
				i += len(open) + n + len(end) - 1
				break
			}
		case '>':
			if depth <= 0 {
				p.pos = i + 1
				return nil
			}
		}
	}
	return p.short(what)
}
