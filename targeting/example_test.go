package targeting_test

import (
	"fmt"

	"github.com/assaylabs/assay/targeting"
)

func Example() {
	cond, err := targeting.Parse([]byte(`{"country":{"$in":["US","CA"]},"app_version":{"$vgte":"2.3.0"},"id":{"$notInGroup":"staff"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	c := targeting.NewCompiler(map[string]*targeting.Members{"staff": targeting.NewMembers([]string{"u7"})})
	i := c.Add(cond)
	program := c.Compile()

	var a targeting.Attributes // one for each goroutine, used again and again
	for _, id := range []string{"u1", "u7"} {
		a.Reset(program, map[string]any{"id": id, "country": "CA", "app_version": "2.10.0"})
		fmt.Println(id, program.Match(i, &a))
	}
	// Output:
	// u1 true
	// u7 false
}
