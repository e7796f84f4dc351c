// Package stats judges: it turns sufficient statistics into estimates,
// intervals, p-values and verdicts.
//
// Begin with Analyze for a metric of an experiment and Decide for the
// experiment as a whole; the tests they rest on (Welch, FiellerCI, FisherExact
// and so on) can be called by themselves.
//
// All of it is arithmetic on values: no I/O, no clock, no random source, safe
// for concurrent use. What cannot be answered has a Status in place of numbers,
// so that no result holds a NaN. Tails are computed as tails, never as one
// minus something, and every p-value comes with its logarithm.
package stats
