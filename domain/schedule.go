package domain

import "time"

// Scheduler is the actor of what schedules have done.
const Scheduler = "scheduler"

// Schedule says when an experiment is to be switched on and off by itself, in
// UTC. Either time may be absent.
type Schedule struct {
	StartAt time.Time `json:"start_at,omitzero"`
	StopAt  time.Time `json:"stop_at,omitzero"`
}

// normalize returns the schedule in its one form; nil where it says nothing.
func (s *Schedule) normalize() *Schedule {
	if s == nil || s.StartAt.IsZero() && s.StopAt.IsZero() {
		return nil
	}
	return &Schedule{StartAt: s.StartAt.UTC(), StopAt: s.StopAt.UTC()}
}

// value is the schedule that a nil one stands for, too.
func (s *Schedule) value() Schedule {
	if s == nil {
		return Schedule{}
	}
	return *s
}

func (s *Schedule) check() error {
	if s == nil {
		return nil
	}
	if !schedulable(s.StartAt) {
		return Invalid("schedule.start_at", wantSchedulable)
	}
	if !schedulable(s.StopAt) {
		return Invalid("schedule.stop_at", wantSchedulable)
	}
	if !s.StartAt.IsZero() && !s.StopAt.IsZero() && !s.StopAt.After(s.StartAt) {
		return Invalid("schedule.stop_at", "must be after start_at")
	}
	return nil
}

const wantSchedulable = "must be a time from 1970 to 9998"

func schedulable(at time.Time) bool {
	return at.IsZero() || at.Year() >= 1970 && at.Year() <= 9998
}

// edited is what of a new schedule is still to come, where s is what of the old
// one was: a time that stays is as settled as it was, another is to come, even
// when it is past.
func (s *Schedule) edited(old, next *Schedule) *Schedule {
	was, left, to := old.value(), s.value(), next.value()
	if to.StartAt.Equal(was.StartAt) {
		to.StartAt = left.StartAt
	}
	if to.StopAt.Equal(was.StopAt) {
		to.StopAt = left.StopAt
	}
	return to.normalize()
}

// after is what is left of the schedule once all up to a time is settled.
func (s *Schedule) after(at time.Time) *Schedule {
	left := s.value()
	if !left.StartAt.After(at) {
		left.StartAt = time.Time{}
	}
	if !left.StopAt.After(at) {
		left.StopAt = time.Time{}
	}
	return left.normalize()
}

// within says whether each time of the schedule is the other's too.
func (s Schedule) within(other Schedule) bool {
	return (s.StartAt.IsZero() || s.StartAt.Equal(other.StartAt)) && (s.StopAt.IsZero() || s.StopAt.Equal(other.StopAt))
}

// Due is the change of status that the schedule wants at a time, and since when;
// ok is false where it wants none. Who is so late that both its times are past
// makes the last of them true and not each in turn: an experiment does not run
// for a moment because nobody was there when it should have.
func (e *Experiment) Due(now time.Time) (to Status, since time.Time, ok bool) {
	if e.Pending == nil || e.Deleted {
		return "", time.Time{}, false
	}
	past := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	switch {
	case past(e.Pending.StopAt):
		to, since = Inactive, e.Pending.StopAt
	case past(e.Pending.StartAt):
		to, since = Active, e.Pending.StartAt
	default:
		return "", time.Time{}, false
	}
	return to, since, to != e.Status
}

// NextDue is the first time of the schedule that is still to come after now; zero
// for none.
func (e *Experiment) NextDue(now time.Time) time.Time {
	left := e.Pending.after(now)
	switch {
	case left == nil || e.Deleted:
		return time.Time{}
	case !left.StartAt.IsZero():
		return left.StartAt
	}
	return left.StopAt
}

// CarryOut decides what the schedule wants of an experiment at a time, and says
// why.
//
// That nothing is done twice, nor against somebody's will, follows from the
// ledger alone: an experiment holds what of its schedule is pending, and a
// change of status, by whomever, settles all that was due when it was recorded.
// So the second of two replicas finds nothing left, as does one that comes back
// after days; who switched the experiment by hand after the time had come has
// overtaken the schedule, and who did so before has not. A time that is written
// anew is pending again. No memory of a process takes part.
func (c *Catalog) CarryOut(e *Experiment, now time.Time) (changes []Change, reason string, err error) {
	to, since, ok := e.Due(now)
	if !ok {
		return nil, "", nil
	}
	reason = "schedule: start_at " + since.Format(time.RFC3339Nano)
	if to == Inactive {
		reason = "schedule: stop_at " + since.Format(time.RFC3339Nano)
	}
	changes, err = c.SetStatus(e, to)
	return changes, reason, err
}
