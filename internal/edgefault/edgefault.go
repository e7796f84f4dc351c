// Package edgefault has the tests that take everything away from an edge: real
// processes of assay serve and assay-edge, a real PostgreSQL and a real Redis
// that are killed, emptied, cut off, slowed down and edited by hand while users
// ask. Every answer is then held against a plain model of the ledger.
//
// The long form runs with ASSAY_SOAK=1 and -run Soak.
package edgefault
