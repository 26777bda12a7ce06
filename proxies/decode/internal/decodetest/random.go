package decodetest

import "math/rand/v2"

// RandomString makes a text of up to seven characters of all kinds.
func RandomString(rnd *rand.Rand) string {
	r := make([]rune, rnd.IntN(8))
	for i := range r {
		switch rnd.IntN(4) {
		case 0:
			r[i] = rune(rnd.IntN(0x80))
		case 1:
			r[i] = rune(0x1F600 + rnd.IntN(50))
		default:
			r[i] = rune(rnd.IntN(0xd800))
		}
	}
	return string(r)
}
