package simulate

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"
)

// Streams of randomness. Each use has its own, so that one never moves another.
const (
	streamPerson uint64 = iota
	streamDay
	streamVisit
	streamLoss
	streamPost
	streamLive
)

// rand is the randomness of one stream at one place in it.
func (w *world) rand(stream uint64, place ...uint64) *rand.Rand {
	h := mix(w.cfg.Seed, stream)
	for _, p := range place {
		h = mix(h, p)
	}
	return rand.New(rand.NewPCG(h, mix(h, 1)))
}

func mix(a, b uint64) uint64 {
	var text [16]byte
	for i := range 8 {
		text[i], text[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return xxh3.Hash(text[:])
}

// choice is a value of an attribute, and how often it is met.
type choice struct {
	value string
	share float64
}

// zones are the hours that countries are ahead of UTC.
func zone(country string) time.Duration {
	switch country {
	case "US":
		return -6 * time.Hour
	case "CA":
		return -5 * time.Hour
	case "DE", "FR":
		return time.Hour
	case "JP":
		return 9 * time.Hour
	}
	return 0
}

func pick(r *rand.Rand, choices ...choice) string {
	x := r.Float64()
	for _, c := range choices {
		if x < c.share {
			return c.value
		}
		x -= c.share
	}
	return choices[len(choices)-1].value
}

// person is one of the population. All about them follows from the seed and
// their number.
type person struct {
	number                         int
	country, device, plan, version string
	arrival                        time.Time // of the first visit; regulars have been here before
	// hasDevice people are also known by a device, and by nothing else before
	// login.
	hasDevice bool
	login     time.Time
	pace      float64 // visits a day
	appetite  float64 // multiplies the chance of buying
	wallet    float64 // multiplies what is bought
	bot       bool
	staff     bool
}

func (w *world) person(number int) person {
	r := w.rand(streamPerson, uint64(number))
	p := person{
		number:  number,
		bot:     number < w.cfg.Bots,
		staff:   number >= w.cfg.Bots && number < w.cfg.Bots+w.cfg.Staff,
		country: pick(r, choice{"US", 0.4}, choice{"DE", 0.2}, choice{"GB", 0.15}, choice{"FR", 0.1}, choice{"CA", 0.1}, choice{"JP", 0.05}),
		device:  pick(r, choice{"mobile", 0.6}, choice{"desktop", 0.32}, choice{"tablet", 0.08}),
		plan:    pick(r, choice{"free", 0.75}, choice{"plus", 0.2}, choice{"business", 0.05}),
		version: pick(r, choice{"2.4.0", 0.5}, choice{"2.3.1", 0.3}, choice{"2.1.0", 0.2}),
	}
	span := w.cfg.Until.Sub(w.begin)
	newcomer := r.Float64() < 0.5
	p.arrival = w.begin.Add(time.Duration(r.Float64() * float64(span))).Truncate(time.Millisecond)
	switch {
	case p.bot: // on the experiments' first day
		p.arrival = w.launch.Add(time.Duration(r.Float64() * float64(24*time.Hour))).Truncate(time.Millisecond)
	case !newcomer:
		p.arrival = w.begin.Add(-time.Hour)
	}
	p.pace = 0.35 * lognormal(r, 0.7)
	p.appetite = lognormal(r, 0.8)
	p.wallet = lognormal(r, 0.5)
	p.hasDevice = r.Float64() < 0.3 && !p.bot && !p.staff
	p.login = p.arrival
	if p.hasDevice && newcomer {
		p.login = p.arrival.Add(time.Duration(r.ExpFloat64() * float64(36*time.Hour)))
	}
	return p
}

// lognormal has a mean of 1.
func lognormal(r *rand.Rand, sigma float64) float64 {
	return math.Exp(sigma*r.NormFloat64() - sigma*sigma/2)
}

func poisson(r *rand.Rand, mean float64) int {
	n, p := 0, r.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= r.Float64()
	}
	return n
}

func (p *person) user() string {
	prefix := "u-"
	switch {
	case p.staff:
		prefix = "staff-"
	case p.bot:
		prefix = "bot-"
	}
	return prefix + strconv.Itoa(p.number)
}

func (p *person) deviceID() string { return "d-" + strconv.Itoa(p.number) }

// attributes are what audiences look at.
func (p *person) attributes() map[string]any {
	all := map[string]any{"country": p.country, "device": p.device, "plan": p.plan, "app_version": p.version}
	if p.hasDevice {
		all[unitDevice] = p.deviceID()
	}
	return all
}

// attributesJSON is the same as they are sent.
func (p *person) attributesJSON() string {
	text := `{"country":"` + p.country + `","device":"` + p.device + `","plan":"` + p.plan + `","app_version":"` + p.version
	if p.hasDevice {
		text += `","device_id":"` + p.deviceID()
	}
	return text + `"}`
}

// bustle is how much goes on at a moment of the week, from 0 to 1: little at
// night, more at weekends.
func (p *person) bustle(at time.Time) float64 {
	local := at.Add(zone(p.country))
	hour := float64(local.Hour()) + float64(local.Minute())/60
	day := 0.55 - 0.45*math.Cos((hour-4)/24*2*math.Pi)
	if weekday := local.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		return day
	}
	return 0.8 * day
}
