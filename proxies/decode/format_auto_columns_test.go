package decode

import "testing"

func TestAutoIsTable(t *testing.T) {
	t.Parallel()
	const all = ",;\t|"
	for _, test := range []struct {
		text     string
		declared bool
		want     bool
	}{
		{"a,b,c\n1,2,3\n", false, true},
		{"a;b\r\n1;2\r\n3;4\r\n", false, true},
		{"a\tb\n1\t2\n\n3\t4", false, true},
		{"a|b|c\n1|2|3", false, true},
		{"sep=;\r\na;b", false, true},
		{"sep=x\na;b", false, false},
		{"a,b\n\"x,\"\"y\n\",2\n3,4\n", false, true},
		{"a,b,c\n1,2\n", false, false},
		{"a,b\n", false, false},
		{"a,b\n", true, true},
		{"a\nb\n", true, false},
		{"Hello, world\nGoodbye, world\n", false, false},
		{"date: Mon, 5 May\nnext: Tue, 6 May\nlast: Wed, 7 May\n", false, false},
		{"One, two, three.\nFour, five, six.\n", false, false},
		{"", true, false},
		{"\"a,b\n1,2\n", true, false},
	} {
		b := &autoBody{text: []byte(test.text)}
		if got := b.isTable(all, test.declared); got != test.want {
			t.Errorf("%q, declared %v: got %v", test.text, test.declared, got)
		}
	}
}
