// Package fault has the tests that treat the program as the world does: real
// processes of assay serve, on a real PostgreSQL and a real Redis, that are
// killed, cut off and restarted under load. All that they answered is then held
// against a plain model and against the ledger.
//
// The long forms run with ASSAY_SOAK=1 and -run Soak; ASSAY_SEED replays the
// choices of a run that failed.
package fault
