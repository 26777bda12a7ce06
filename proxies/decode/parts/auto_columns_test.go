package parts

import "testing"

func TestAutoIsTable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a,b,c\n1,2,3\n":                     true,
		"a;b\r\n1;2\r\n3;4\r\n":              true,
		"a;b\r1;2\r3;4\r":                    true,
		"a\tb\n1\t2\n\n3\t4":                 true,
		"a|b|c\n1|2|3":                       true,
		"sep=;\r\na;b":                       true,
		"sep=x\na;b":                         false,
		"a,b\n\"x,\"\"y\n\",2\n3,4\n":        true,
		"name, load\nweb1, 0.5\nweb2, 0.7\n": true,
		"country,2019,2020\nx,1,2\n":         true,
		",a,b\n0,1,2\n":                      true,
		"name;\"a;b\"\nx;1\ny;2\n":           true,
		"a,b,c\n1,2\n":                       false,
		"Nr.;Name;Tel.\n1;x;2\n":             true,
		"\"Id\",\"Sitz.-Nr.\"\n\"a\",\"0\"\n\"b\",\"0\"\n": true,
		"Sorry, closed.\nCome, again.\nWe, wait.\n":        false,
		"a,b\n":                                 false,
		"a,b\n1,2\n":                            false,
		"a\nb\n":                                false,
		"1,2,3\n4,5,6\n7,8,9\n":                 false,
		"1,abc\n2,def\n3,ghi\n":                 false,
		"Uptime\t5\nThreads\t7\nOpens\t9\n":     false,
		"Hello, world\nGoodbye, world\n":        false,
		"Roses, red\nViolets, blue\nYou, too\n": false,
		"Smith, John\nDoe, Jane\nRoe, Ann\n":    false,
		"date: Mon, 5 May\nnext: Tue, 6 May\nlast: Wed, 7 May\n":     false,
		"One, two, three.\nFour, five, six.\n":                       false,
		"10:00:01|INFO|start\n10:00:02|INFO|stop\n10:00:03|WARN|x\n": false,
		"x, y, x\n1, 2, 3\n": false,
		"":                   false,
		"\"a,b\n1,2\n":       false,
	} {
		b := &autoBody{text: []byte(text)}
		if got := b.isTable("\t;|,", '"'); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
