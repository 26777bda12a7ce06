package table

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

const (
	// maxXLSXEntries is how many files the archive may have; a workbook has a dozen and one for each sheet and picture.
	maxXLSXEntries = 5000
	// Of a byte of the body at most so many are unpacked, and some more, since small archives pack better than large
	// ones. Usual sheets unpack to 10 times their size. Each sheet is unpacked twice.
	xlsxUnpacked     = 60
	xlsxUnpackedMore = 4 << 20
	// A byte of the body may make so many bytes of memory, and some more: what xlsxFactor promises.
	xlsxMemory     = 76
	xlsxMemoryMore = 600 << 10
)

// xlsxFile is the archive with what may still be taken from it.
type xlsxFile struct {
	ctx      context.Context //nolint:containedctx // lives as long as one Decode
	files    map[string]*zip.File
	size     int
	unpacked int // bytes that may still be unpacked
	memory   int // bytes that may still be kept or told
	buf      []byte
}

// IsWorkbook says whether a body is an archive with a workbook in it.
func IsWorkbook(ctx context.Context, body []byte) bool {
	f, err := openXLSX(ctx, body)
	return err == nil && slices.ContainsFunc([]string{"xl/workbook.xml", "xl/workbook2.xml"}, func(name string) bool { return f.files[name] != nil })
}

// openXLSX reads the directory of the archive.
func openXLSX(ctx context.Context, body []byte) (*xlsxFile, error) {
	if bytes.HasPrefix(body, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) {
		return nil, xlsxError("a workbook of the old format .xls, or one with a password")
	}
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		if len(body) == 0 {
			return nil, xlsxError("the body is empty")
		}
		if bytes.HasPrefix(body, []byte("PK\x03\x04")) {
			return nil, &decode.SyntaxError{Format: "xlsx", Offset: int64(len(body)), Msg: "the archive is cut or damaged"}
		}
		return nil, xlsxError("the body is no workbook: it is not a zip archive")
	}
	if len(z.File) > maxXLSXEntries {
		return nil, &decode.LimitError{What: "files in the archive", Limit: maxXLSXEntries}
	}
	f := &xlsxFile{
		ctx: ctx, files: make(map[string]*zip.File, len(z.File)), size: len(body),
		unpacked: xlsxUnpacked*len(body) + xlsxUnpackedMore, memory: xlsxMemory*len(body) + xlsxMemoryMore,
	}
	for _, file := range z.File {
		// Names are alike without regard to case, and some programs write those of Windows.
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(file.Name, `\`, "/"), "/"))
		if _, ok := f.files[name]; !ok {
			f.files[name] = file
		}
	}
	return f, nil
}

func xlsxError(msg string) error { return &decode.SyntaxError{Format: "xlsx", Msg: msg} }

// keep charges memory that is kept or told.
func (f *xlsxFile) keep(n int) error {
	if f.memory -= n; f.memory < 0 {
		return &decode.LimitError{What: "bytes of memory for an archive of its size", Limit: xlsxMemory*f.size + xlsxMemoryMore}
	}
	return nil
}

// part reads one part of the workbook; without it nothing is done and found is false.
func (f *xlsxFile) part(name string, read func(*xlsxScan) error) (found bool, err error) {
	file := f.files[strings.ToLower(strings.TrimPrefix(name, "/"))]
	if file == nil {
		return false, nil
	}
	if file.Flags&1 != 0 {
		return true, xlsxError("the archive has a password")
	}
	body, err := file.Open()
	if err != nil {
		return true, f.inPart(name, 0, err)
	}
	defer body.Close()
	// The reader takes off the byte order mark, and decodes UTF-16 if that says so.
	limited := &unpacking{ctx: f.ctx, r: body, f: f}
	s := newXLSXScan(transform.NewReader(limited, unicode.BOMOverride(transform.Nop)), f.buf)
	defer func() { f.buf = s.buf }()
	if err := read(s); err != nil {
		return true, f.inPart(name, s.offset(), err)
	}
	return true, nil
}

// inPart says where in the archive an error of the text is. Errors of limits, sink and context pass unchanged.
func (f *xlsxFile) inPart(name string, offset int64, err error) error {
	var syntax *decode.SyntaxError
	var msg string
	switch {
	case errors.Is(err, errXLSX):
		msg = errXLSX.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		msg = "the XML ends too early"
	case errors.As(err, &syntax):
		msg = syntax.Msg
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm), errors.Is(err, zip.ErrChecksum), errors.Is(err, errUnpack):
		msg = "the archive is damaged"
	default:
		return err
	}
	return &decode.SyntaxError{Format: "xlsx", Offset: offset, Msg: excerpt.Of(path.Base(name)) + ": " + msg}
}

var errUnpack = errors.New("the archive cannot be unpacked")

// unpacking reads a part under the limits of the file.
type unpacking struct {
	ctx context.Context //nolint:containedctx // lives as long as one Decode
	r   io.Reader
	f   *xlsxFile
}

func (u *unpacking) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.r.Read(p)
	if u.f.unpacked -= n; u.f.unpacked < 0 {
		return 0, &decode.LimitError{What: "bytes unpacked from an archive of its size", Limit: xlsxUnpacked*u.f.size + xlsxUnpackedMore}
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, zip.ErrChecksum) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %w", errUnpack, err)
	}
	return n, err
}

// xlsxRel is a relation of a part to another.
type xlsxRel struct{ id, kind, target string }

// relations reads those of a part; kind is the last word of the relation's type.
func (f *xlsxFile) relations(name string) (rels []xlsxRel, err error) {
	dir, base := path.Split(name)
	_, err = f.part(dir+"_rels/"+base+".rels", func(s *xlsxScan) error {
		for {
			kind, err := s.next()
			if err != nil || kind == xlsxEOF {
				return err
			}
			if kind != xlsxStart || string(s.name) != "Relationship" {
				continue
			}
			rel := xlsxRel{id: string(s.attr("Id")), kind: path.Base(string(s.attr("Type"))), target: strings.ReplaceAll(string(s.attr("Target")), `\`, "/")}
			if !strings.HasPrefix(rel.target, "/") {
				rel.target = path.Join(dir, rel.target)
			}
			if err := f.keep(len(rel.id) + len(rel.kind) + len(rel.target) + 64); err != nil {
				return err
			}
			rels = append(rels, rel)
		}
	})
	return rels, err
}
