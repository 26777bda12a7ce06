package sqlpool

import (
	"encoding/json"
	"testing"
)

func TestPostgresTypes(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	command(t, dsn, `create type mood as enum ('sad', 'so so', 'happy'); create domain small as int check (value < 100);
		create type pair as (a int, b text); create table d (s small, m mood, ss small[])`)
	command(t, dsn, `insert into d values (5, 'happy', '{1,2}')`)
	p := open(t, dsn, Options{})
	for _, test := range []struct{ expression, want string }{
		{"1::int2, 2::int4 b, 9223372036854775807::int8 c, '-9223372036854775808'::int8 d", `"int2":1,"b":2,"c":9223372036854775807,"d":-9223372036854775808`},
		{"1.10::numeric a, 123456789012345678901234567890.123456789::numeric b, 0::numeric c, -0.5::numeric d", `"a":1.10,"b":123456789012345678901234567890.123456789,"c":0,"d":-0.5`},
		{"'NaN'::numeric a, 'Infinity'::numeric b, 'NaN'::float8 c, '-Infinity'::float4 d", `"a":null,"b":null,"c":null,"d":null`},
		{"1.5::float8 a, 1e300::float8 b, 0.1::float4 c, 1e-7::float8 d", `"a":1.5,"b":1e+300,"c":0.1,"d":1e-07`},
		{"true a, false b, null::bool c", `"a":true,"b":false,"c":null`},
		{"'it''s \"x\" \\ ü'::text a, 'x'::char(3) b, 'v'::varchar c, ''::text d", `"a":"it's \"x\" \\ ü","b":"x  ","c":"v","d":""`},
		{"'2024-02-29 13:14:15.123456'::timestamp a, '2024-02-29 13:14:15+02'::timestamptz b, '2024-02-29 00:00:00'::timestamp c", `"a":"2024-02-29T13:14:15.123456Z","b":"2024-02-29T11:14:15Z","c":"2024-02-29T00:00:00Z"`},
		{"'infinity'::timestamptz a, '0044-03-15 12:00:00 BC'::timestamp b, '12024-01-01'::timestamp c", `"a":"infinity","b":"0044-03-15 12:00:00 BC","c":"12024-01-01 00:00:00"`},
		{"'2024-02-29'::date a, '13:14:15.5'::time b, '13:14:15+02'::timetz c", `"a":"2024-02-29","b":"13:14:15.5","c":"13:14:15+02"`},
		{"'1 year 2 months 3 days 4 hours 5.5 seconds'::interval a, '-1 day'::interval b, '0'::interval c", `"a":"P1Y2M3DT4H5.5S","b":"P-1D","c":"PT0S"`},
		{`'{"b": 1.10, "a": [null, 12345678901234567890]}'::json a, '{"b": 1.10, "a": "x"}'::jsonb b, 'null'::jsonb c`, `"a":{"b":1.10,"a":[null,12345678901234567890]},"b":{"a":"x","b":1.10},"c":null`},
		{`'{"a": 1, "a": 2}'::json a`, `"a":{"a":2}`},
		{`'{1,NULL,3}'::int[] a, '{{1,2},{3,4}}'::int[] b, '{}'::int[] c, '[0:1]={5,6}'::int[] d`, `"a":[1,null,3],"b":[[1,2],[3,4]],"c":[],"d":[5,6]`},
		{`array['a', 'b "c" \ , {}', null, 'NULL', ''] a, array['2024-01-01 00:00:00+00'::timestamptz] b, array[true, false] c`, `"a":["a","b \"c\" \\ , {}",null,"NULL",""],"b":["2024-01-01T00:00:00Z"],"c":[true,false]`},
		{`array['{"a": [1, "x"]}'::jsonb] a, array['\x0001ff'::bytea] b, array[1.10, 'NaN'::numeric] c`, `"a":[{"a":[1,"x"]}],"b":["AAH/"],"c":[1.10,null]`},
		{`'{(1,2),(3,4);(5,6),(7,8)}'::box[] a, array['192.168.0.1/24'::inet] b`, `"a":["(3,4),(1,2)","(7,8),(5,6)"],"b":["192.168.0.1/24"]`},
		{`'\x0001ff'::bytea a, ''::bytea b`, `"a":"AAH/","b":""`},
		{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid a, array['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid] b", `"a":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","b":["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]`},
		{"'sad'::mood a, array['sad', 'so so']::mood[] b, row(1, 'x')::pair c, int4range(1, 5) d", `"a":"sad","b":["sad","so so"],"c":"(1,x)","d":"[1,5)"`},
		{"s, m, ss from d", `"s":5,"m":"happy","ss":[1,2]`},
		{"1 as \"Ü \"\"x\"\" \"", `"Ü \"x\" ":1`},
		{"repeat('1', 2000)::numeric is not null a", `"a":true`},
	} {
		want(t, p, "[{"+test.want+"}]", "select "+test.expression)
		want(t, p, "[{"+test.want+"}]", "select "+test.expression) // prepared
	}
}

func TestPostgresArgs(t *testing.T) {
	t.Parallel()
	dsn := server.Database(t)
	command(t, dsn, `create table t (i int, b bigint, n numeric, f float8, s text, d date, y bool, at timestamptz, j jsonb);
		insert into t values (1, 9223372036854775807, 1.10, 0.5, 'it''s', '2024-02-29', true, '2024-02-29 12:00:00+00', '{"a": 1}'); insert into t values (null)`)
	p := open(t, dsn, Options{})
	for _, test := range []struct {
		where string
		arg   any
	}{
		{"i = {a}", json.Number("1")},
		{"i = {a}", "1"},
		{"b = {a}", json.Number("9223372036854775807")},
		{"n = {a}", json.Number("1.10")},
		{"f = {a}", json.Number("0.5")},
		{"f = {a}", json.Number("5e-1")},
		{"s = {a}", "it's"},
		{"s <> {a}", "'; drop table t; --"},
		{"d = {a}", "2024-02-29"},
		{"y = {a}", true},
		{"y <> {a}", false},
		{"at = {a}", "2024-02-29T13:00:00+01:00"},
		{"j @> {a}", `{"a": 1}`},
		{"i is not null and {a}::text is null", nil},
		{"({a}::text is null or s = {a}) and s is not null", nil},
		{"s = {a} and {a} is not null", "it's"},
	} {
		want(t, p, `[{"?column?":1}]`, "select 1 from t where "+test.where, test.arg)
	}
	want(t, p, `[]`, "select 1 from t where i = {a}", nil)
}

func TestSQLiteTypes(t *testing.T) {
	t.Parallel()
	p := open(t, sqliteDSN(t, `create table t (i integer, r real, s text, b blob, y boolean, at datetime, ts timestamp, d date, j json, n numeric, tz timestamp(3));
		insert into t values (9223372036854775807, 0.1, 'it''s "x" ü', x'0001ff', 1, '2024-02-29 13:14:15', '2024-02-29 13:14:15.5+02:00', '2024-02-29', '{"b": 1.10, "a": [null]}', 12, '2024-02-29 13:14:15');
		insert into t values (null, 1e300, '', x'', 0, 1709212455, 'yesterday', '2024-02-29 13:00:00', '{no', 1.5, null);`), Options{})
	want(t, p, `[{"i":9223372036854775807,"r":0.1,"s":"it's \"x\" ü","b":"AAH/","y":true,"at":"2024-02-29T13:14:15Z","ts":"2024-02-29T11:14:15.5Z","d":"2024-02-29","j":{"b":1.10,"a":[null]},"n":12,"tz":"2024-02-29T13:14:15Z"},`+
		`{"i":null,"r":1e+300,"s":"","b":"","y":false,"at":1709212455,"ts":"yesterday","d":"2024-02-29T13:00:00Z","j":"{no","n":1.5,"tz":null}]`, "select * from t")
	want(t, p, `[{"a":null,"b":1.5,"c":"1.50","d":2,"e":1e-9}]`, "select 9e999 a, 1.5 b, '1.50' c, 1+1 d, 0.000000001 e")
	for _, test := range []struct {
		expression, want string
		arg              any
	}{
		{"typeof({a})", `"integer"`, json.Number("12")},
		{"{a}", "12", json.Number("12")},
		{"{a}", "-9223372036854775808", json.Number("-9223372036854775808")},
		{"typeof({a})", `"real"`, json.Number("1.5")},
		{"typeof({a})", `"real"`, json.Number("12345678901234567890")},
		{"typeof({a})", `"text"`, "12"},
		{"{a}", `"'; drop table t"`, "'; drop table t"},
		{"{a}", "1", true},
		{"typeof({a})", `"null"`, nil},
		{"(select count(*) from t where i = {a})", "1", "9223372036854775807"},
		{"(select count(*) from t where y = {a})", "1", false},
	} {
		want(t, p, `[{"v":`+test.want+`}]`, "select "+test.expression+" v", test.arg)
	}
}
