package evaluator

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/growthbook/growthbook-golang" // its module holds the vectors of its hash
	"github.com/zeebo/xxh3"
)

// checkHash compares the hash of two halves with XXH3 of the 16 bytes.
func checkHash(t *testing.T, unit, salt string) {
	t.Helper()
	message := binary.LittleEndian.AppendUint64(nil, xxh3.HashString(unit))
	message = binary.LittleEndian.AppendUint64(message, xxh3.HashString(salt))
	if got, want := newUnitHalf(unit).hash(newSaltHalf(salt)), xxh3.Hash(message); got != want {
		t.Errorf("hash of %q and %q is %x, want %x", unit, salt, got, want)
	}
}

func TestHash(t *testing.T) {
	for _, unit := range []string{"", "u", "user-1", "用户", strings.Repeat("long", 256), "\xff\x00"} {
		for _, salt := range []string{"", "0193f000-0000-7000-8000-000000000001", "соль"} {
			checkHash(t, unit, salt)
		}
	}
}

func FuzzHash(f *testing.F) {
	f.Add("user-1", "salt")
	f.Fuzz(func(t *testing.T, unit, salt string) { checkHash(t, unit, salt) })
}

func TestSlotsOfPoints(t *testing.T) {
	for x, want := range map[uint32]uint32{0: 0, 4294: 0, 4295: 1, 1 << 31: 500_000, math.MaxUint32: 999_999} {
		if got := slotOf(x); got != want {
			t.Errorf("slot of %d is %d, want %d", x, got, want)
		}
	}
}

// growthBookCases reads a section of the vectors that GrowthBook publishes with
// its SDK.
func growthBookCases(t *testing.T, section string) []json.RawMessage {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/growthbook/growthbook-golang").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sections map[string]json.RawMessage
	var cases []json.RawMessage
	if err := json.Unmarshal(data, &sections); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(sections[section], &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestGrowthBooksHash(t *testing.T) {
	checked := 0
	for _, c := range growthBookCases(t, "hash") {
		var seed, unit string
		var version int
		var want *float64
		if err := json.Unmarshal(c, &[]any{&seed, &unit, &version, &want}); err != nil {
			t.Fatal(err)
		}
		if version != 2 {
			continue
		}
		checked++
		if got := gb2Slot(newFNV.text(seed), unit); got != uint32(math.Round(*want*10_000))*100 {
			t.Errorf("slot of %q and %q is %d, want %v", seed, unit, got, *want)
		}
	}
	if checked < 15 {
		t.Errorf("checked %d vectors", checked)
	}
	t.Logf("%d vectors", checked)
}

func TestFind(t *testing.T) {
	for n := 1; n <= 40; n++ {
		pieces := make([]piece, n)
		for i := range pieces {
			pieces[i] = piece{to: uint32(i*10 + 10)}
		}
		for slot := range uint32(n * 10) {
			if got := find(pieces, slot); got != int(slot/10) {
				t.Fatalf("slot %d of %d pieces is in piece %d", slot, n, got)
			}
		}
	}
}

// TestDocumentedHashes holds docs/assignment.md to what it says of the hash.
func TestDocumentedHashes(t *testing.T) {
	page, err := os.ReadFile("../docs/assignment.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := regexp.MustCompile("(?m)^\\| (?:`([^`]+)`|\\(empty\\)) \\| `([0-9a-f]{16})` \\|$").FindAllStringSubmatch(string(page), -1)
	for _, row := range texts {
		if got := fmt.Sprintf("%016x", xxh3.HashString(row[1])); got != row[2] {
			t.Errorf("%q has hash %s, documented %s", row[1], got, row[2])
		}
	}
	pairs := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\| (`[0-9a-f]{16}` \\| .*) \\|$").FindAllStringSubmatch(string(page), -1)
	for _, row := range pairs {
		h := newUnitHalf(row[1]).hash(newSaltHalf(row[2]))
		got := fmt.Sprintf("`%016x` | %d | %d | %d", h, slotOf(uint32(h>>32)), slotOf(uint32(h)), gb2Slot(newFNV.text(row[2]), row[1]))
		if got != row[3] {
			t.Errorf("%q and %q: %s, documented %s", row[1], row[2], got, row[3])
		}
	}
	for _, secret := range []uint64{unitSecret, saltSecret} {
		if !strings.Contains(string(page), fmt.Sprintf("0x%016x", secret)) {
			t.Errorf("%x is not documented", secret)
		}
	}
	if len(texts) != 5 || len(pairs) != 8 {
		t.Errorf("checked %d texts and %d pairs", len(texts), len(pairs))
	}
}
