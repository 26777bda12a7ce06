package queries

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Columns of users, as the tests list them.
func columnOf(name string) rows.Column {
	return map[string]rows.Column{
		"id":         rows.NewColumn("id", rows.ID),
		"number":     rows.NewColumn("number", rows.Integer),
		"email":      rows.NewColumn("email_key", rows.Key),
		"name":       rows.NewColumn("name", rows.Text),
		"username":   rows.NewColumn("username", rows.Text).Nullable(),
		"role":       rows.NewColumn("role", rows.Word),
		"is_active":  rows.NewColumn("is_active", rows.Bool),
		"created_at": rows.NewColumn("created_at", rows.Time),
		"last_login": rows.NewColumn("last_login_at", rows.Time).Nullable(),
	}[name]
}

// manyUsers are users with everything that sorts or compares badly: the same in both stores.
func manyUsers(n int) []db.User {
	names := []string{"Ann", "ann", "ANN", "Émile", "émile", "E\u0301mile", "Zoë", "żaneta", "Łukasz", "", "100%", "a_b", `back\slash`, "O'Neil", "李", "Ω", "straße", "STRASSE", "a b", "_"}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	out := make([]db.User, n)
	for i := range out {
		u := &out[i]
		binary.BigEndian.PutUint64(u.ID[:], uint64((i*7919)%n)<<40) // an order of its own
		u.Number, u.Email, u.Name = int64(i+1), fmt.Sprintf("User%d@X.org", (i*31)%n), names[i%len(names)]
		u.EmailKey = Key(u.Email)
		if i%3 == 0 {
			name := fmt.Sprintf("%sU%d", names[i%5], i)
			u.Username = &name
		}
		u.Role = []string{"USER", "USER", "USER", "ADMIN", "SUPERADMIN"}[i%5]
		u.IsActive = i%4 != 0
		// Many at the same time, some with a fraction, and fractions that end with zeros.
		u.CreatedAt = begin.Add(time.Duration(i%97) * time.Hour).Add(time.Duration(i%3) * 500 * time.Millisecond)
		if i%2 == 0 {
			t := begin.Add(time.Duration(i%1000) * 7 * time.Second).Add(time.Duration(i%4) * 125 * time.Microsecond)
			u.LastLoginAt = &t
		}
	}
	return out
}

// insertUsers writes users as they are.
func insertUsers(t testing.TB, s *Store, all []db.User) {
	t.Helper()
	quoted := func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
	// Times of the database have three digits, those that the gateway binds have as many as they need.
	const ofDatabase, ofGateway = "2006-01-02 15:04:05.000-07:00", "2006-01-02 15:04:05.999999999-07:00"
	profile := "'{}'"
	if s.dialect() == rows.SQLite {
		profile = "cast('{}' as blob)" // as the gateway writes it
	}
	for begin := 0; begin < len(all); begin += 500 {
		var b strings.Builder
		b.WriteString("insert into users (id, email, email_key, username, username_key, name, first_name, middle_name, last_name, country, institution, profile, role, is_active, is_regular_user, is_internal, is_plugin_user, is_in_mailing_list, password_hash, password_parameters, last_login_at, version, created_at, updated_at) values ")
		for i := begin; i < min(begin+500, len(all)); i++ {
			u := all[i]
			username, key, login := "null", "null", "null"
			if u.Username != nil {
				username, key = quoted(*u.Username), quoted(Key(*u.Username))
			}
			if u.LastLoginAt != nil {
				login = quoted(u.LastLoginAt.Format(ofGateway))
			}
			if i > begin {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%s, %s, %s, %s, %s, %s, '', '', '', '', '', %s, %s, %t, 1 = 1, 1 = 0, 1 = 2, 1 = 3, '', '', %s, 1, %s, %s)",
				quoted(u.ID.String()), quoted(u.Email), quoted(u.EmailKey), username, key, quoted(u.Name), profile, quoted(u.Role), u.IsActive, login, quoted(u.CreatedAt.Format(ofDatabase)), quoted(u.CreatedAt.Format(ofDatabase)))
		}
		if err := execute(t, s, b.String()); err != nil {
			t.Fatal(err)
		}
	}
}

// by1 compares users by a column, as the rules say it.
func by1(column string, a, b *db.User) int {
	null := func(a, b bool) (int, bool) { // NULL is the largest
		switch {
		case a && b:
			return 0, true
		case a:
			return 1, true
		case b:
			return -1, true
		}
		return 0, false
	}
	switch column {
	case "id":
		return slices.Compare(a.ID[:], b.ID[:])
	case "email":
		return cmp.Compare(a.EmailKey, b.EmailKey)
	case "name":
		return cmp.Compare(Key(a.Name), Key(b.Name))
	case "username":
		if c, ok := null(a.Username == nil, b.Username == nil); ok {
			return c
		}
		return cmp.Compare(Key(*a.Username), Key(*b.Username))
	case "role":
		return cmp.Compare(a.Role, b.Role)
	case "is_active":
		return map[[2]bool]int{{false, true}: -1, {true, false}: 1}[[2]bool{a.IsActive, b.IsActive}]
	case "created_at":
		return a.CreatedAt.Compare(b.CreatedAt)
	case "last_login":
		if c, ok := null(a.LastLoginAt == nil, b.LastLoginAt == nil); ok {
			return c
		}
		return a.LastLoginAt.Compare(*b.LastLoginAt)
	}
	return cmp.Compare(a.Number, b.Number)
}

// listing is a condition, an order, and what of the users there should be.
type listing struct {
	where rows.Condition
	holds func(*db.User) bool
	order []string // "-name": descending
}

func (l listing) request() rows.Request {
	r := rows.Request{Where: l.where}
	for _, o := range l.order {
		name, descending := strings.CutPrefix(o, "-")
		r.Order = append(r.Order, rows.Order{Column: columnOf(name), Descending: descending})
	}
	return r
}

// numbers gives what there should be.
func (l listing) numbers(all []db.User) (out []int64) {
	var found []*db.User
	for i := range all {
		if l.holds == nil || l.holds(&all[i]) {
			found = append(found, &all[i])
		}
	}
	slices.SortStableFunc(found, func(a, b *db.User) int {
		for _, o := range l.order {
			name, descending := strings.CutPrefix(o, "-")
			if c := by1(name, a, b); c != 0 {
				if descending {
					return -c
				}
				return c
			}
		}
		if n := len(l.order); n > 0 && strings.HasPrefix(l.order[n-1], "-") {
			a, b = b, a // the key goes the way of what is before it
		}
		return cmp.Compare(a.Number, b.Number)
	})
	for _, u := range found {
		out = append(out, u.Number)
	}
	return out
}

func listings(t *testing.T) map[string]listing {
	t.Helper()
	is := func(column string, o rows.Op, v any) rows.Condition {
		c, err := rows.Compare(columnOf(column), o, v)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	half := noon.Add(500 * time.Millisecond)
	id := uuid.UUID{0: 0x20}
	return map[string]listing{
		"all":                                   {},
		"by name":                               {order: []string{"name"}},
		"by name, descending":                   {order: []string{"-name", "-number"}},
		"by NULL":                               {order: []string{"username"}},
		"by NULL, descending":                   {order: []string{"-username", "name"}},
		"by time":                               {order: []string{"-created_at"}},
		"by NULL times":                         {order: []string{"last_login", "-created_at", "email"}},
		"by NULL times, descending, and the id": {order: []string{"-last_login", "id"}},
		"by truth":                              {order: []string{"is_active", "role", "-email"}},
		"by the id":                             {order: []string{"-id"}},
		"name":                                  {is("name", rows.Equal, "ÉMILE"), func(u *db.User) bool { return Key(u.Name) == "émile" }, []string{"-number"}},
		"not the name":                          {is("name", rows.Unequal, "ann"), func(u *db.User) bool { return Key(u.Name) != "ann" }, nil},
		"names like":                            {is("name", rows.Like, "%A%"), func(u *db.User) bool { return strings.Contains(Key(u.Name), "a") }, []string{"name"}},
		"names with %":                          {is("name", rows.Like, `%\%`), func(u *db.User) bool { return u.Name == "100%" }, nil},
		"names with _":                          {is("name", rows.Like, `%\_%`), func(u *db.User) bool { return strings.Contains(u.Name, "_") }, nil},
		`names with \`:                          {is("name", rows.Like, `%\\%`), func(u *db.User) bool { return strings.Contains(u.Name, `\`) }, nil},
		"one character":                         {is("name", rows.Like, `_`), func(u *db.User) bool { return len([]rune(u.Name)) == 1 }, nil},
		"no character":                          {is("name", rows.Like, ``), func(u *db.User) bool { return u.Name == "" }, nil},
		"names behind":                          {is("name", rows.Greater, "Straße"), func(u *db.User) bool { return Key(u.Name) > "straße" }, []string{"name"}},
		"quotes":                                {is("name", rows.Equal, "o'neil"), func(u *db.User) bool { return u.Name == "O'Neil" }, nil},
		"an address":                            {is("email", rows.Equal, "USER77@x.ORG"), func(u *db.User) bool { return u.EmailKey == "user77@x.org" }, nil},
		"addresses":                             {is("email", rows.Like, "User1_@X%"), func(u *db.User) bool { return len(u.EmailKey) == 12 && u.EmailKey[4] == '1' }, []string{"email"}},
		"a role":                                {is("role", rows.Equal, "ADMIN"), func(u *db.User) bool { return u.Role == "ADMIN" }, []string{"-created_at"}},
		"roles like":                            {is("role", rows.Like, "%admin"), func(u *db.User) bool { return u.Role != "USER" }, []string{"role"}},
		"inactive":                              {is("is_active", rows.Equal, false), func(u *db.User) bool { return !u.IsActive }, nil},
		"no user name":                          {rows.Null(columnOf("username"), true), func(u *db.User) bool { return u.Username == nil }, nil},
		"a user name":                           {rows.Null(columnOf("username"), false), func(u *db.User) bool { return u.Username != nil }, nil},
		"user names that are not NULL and another": {is("username", rows.Unequal, "annu0"), func(u *db.User) bool { return u.Username != nil && Key(*u.Username) != "annu0" }, nil},
		"at":               {is("created_at", rows.Equal, noon), func(u *db.User) bool { return u.CreatedAt.Equal(noon) }, nil},
		"at, elsewhere":    {is("created_at", rows.Equal, noon.In(time.FixedZone("", 3600))), func(u *db.User) bool { return u.CreatedAt.Equal(noon) }, nil},
		"at half":          {is("created_at", rows.Equal, half), func(u *db.User) bool { return u.CreatedAt.Equal(half) }, nil},
		"not at":           {is("created_at", rows.Unequal, noon), func(u *db.User) bool { return !u.CreatedAt.Equal(noon) }, []string{"created_at"}},
		"after":            {is("created_at", rows.Greater, noon), func(u *db.User) bool { return u.CreatedAt.After(noon) }, []string{"created_at"}},
		"from":             {is("created_at", rows.GreaterOrEqual, noon), func(u *db.User) bool { return !u.CreatedAt.Before(noon) }, nil},
		"before":           {is("created_at", rows.Less, half), func(u *db.User) bool { return u.CreatedAt.Before(half) }, []string{"-created_at", "name"}},
		"until":            {is("created_at", rows.LessOrEqual, half), func(u *db.User) bool { return !u.CreatedAt.After(half) }, nil},
		"logged in before": {is("last_login", rows.Less, noon), func(u *db.User) bool { return u.LastLoginAt != nil && u.LastLoginAt.Before(noon) }, []string{"last_login"}},
		"ids from":         {is("id", rows.GreaterOrEqual, id), func(u *db.User) bool { return slices.Compare(u.ID[:], id[:]) >= 0 }, []string{"id"}},
		"a number":         {is("number", rows.Equal, int64(7)), func(u *db.User) bool { return u.Number == 7 }, nil},
		"none":             {is("number", rows.Less, int64(0)), func(*db.User) bool { return false }, nil},
		"one of none":      {rows.Any(), func(*db.User) bool { return false }, nil},
		"groups": {
			rows.All(rows.Any(is("role", rows.Equal, "ADMIN"), is("name", rows.Equal, "李")), is("is_active", rows.Equal, true), rows.All()),
			func(u *db.User) bool { return (u.Role == "ADMIN" || u.Name == "李") && u.IsActive },
			[]string{"role", "-last_login"},
		},
	}
}

// TestLists holds that both engines count, page and go on behind a row alike, and as the rules say it.
func TestLists(t *testing.T) {
	t.Parallel()
	users := manyUsers(10_000)
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		insertUsers(t, s, users)
		for name, l := range listings(t) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := l.numbers(users)
				if n, err := CountOf(t.Context(), s, Users(), l.where); err != nil || n != int64(len(want)) {
					t.Errorf("%d are counted, %v; want %d", n, err, len(want))
				}
				r := l.request()
				r.Limit = len(users)
				if diff := gocmp.Diff(want, listed(t, s, r)); diff != "" {
					t.Fatalf("all at once (-want +got):\n%s", diff)
				}
				for _, offset := range []int{1, 37, len(want) / 2, len(want)} {
					r.Limit, r.Offset = 10, offset
					part := want[min(offset, len(want)):min(offset+10, len(want))]
					if got := listed(t, s, r); !slices.Equal(part, got) {
						t.Errorf("from %d: %d, want %d", offset, got, part)
					}
				}
				var found []int64
				r.Limit, r.Offset = len(users), 0
				for u, err := range Each(t.Context(), s, Users(), r) {
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, u.Number)
				}
				if diff := gocmp.Diff(want, found); diff != "" {
					t.Errorf("one by one (-want +got):\n%s", diff)
				}
			})
		}
	})
}

func listed(t *testing.T, s *Store, r rows.Request) (numbers []int64) {
	t.Helper()
	all, err := List(t.Context(), s, Users(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		numbers = append(numbers, u.Number)
	}
	return numbers
}

// TestEachStops holds that who has enough gets no more.
func TestEachStops(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		insertUsers(t, s, manyUsers(2500))
		for _, limit := range []int{1, batch, batch + 1, 2300} {
			n := 0
			for _, err := range Each(t.Context(), s, Users(), rows.Request{Limit: limit, Order: []rows.Order{{Column: columnOf("last_login")}}}) {
				if n++; err != nil {
					t.Fatal(err)
				}
			}
			if n != limit {
				t.Errorf("%d, want %d", n, limit)
			}
		}
		for _, err := range Each(t.Context(), s, Users(), rows.Request{Limit: 10}) {
			if err != nil {
				t.Error(err)
			}
			break
		}
	})
}

// TestListsAreOfRows holds that a user who is deleted is in no list, and that all columns are read.
func TestListsAreOfRows(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		kept, gone := create(t, s, aUser("a@x.org")), create(t, s, aUser("b@x.org"))
		if _, err := s.DeleteUser(t.Context(), by(), gone.ID); err != nil {
			t.Fatal(err)
		}
		got, err := List(t.Context(), s, Users(), rows.Request{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff([]db.User{kept}, got); diff != "" {
			t.Error(diff)
		}
		team, err := s.CreateTeam(t.Context(), by(), "team", kept.ID)
		if err != nil {
			t.Fatal(err)
		}
		teams, err := List(t.Context(), s, Teams(), rows.Request{Limit: 10})
		if diff := gocmp.Diff([]db.Team{team}, teams); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}
