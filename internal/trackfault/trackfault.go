// Package trackfault has the tests that hold results to account: made-up traffic
// goes over HTTP into real servers and an edge, in disorder and twice, while
// they, Postgres and Redis are killed. At rest every sum that results are read
// from must be the one that follows from the traffic's own record.
//
// The long form runs with ASSAY_SOAK=1 and -run Soak.
package trackfault
