package sdk

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/assaylabs/assay/feed"
)

const (
	dialTimeout   = 3 * time.Second
	headerTimeout = 10 * time.Second
)

// Config says where experiments come from and where exposures go. Give URL and
// Token, or File, or Source; the rest may stay empty.
type Config struct {
	// URL is that of assay serve or of an assay-edge, such as
	// https://assay.example.com. Without it nothing is fetched or sent.
	URL string
	// Token is a key with the role server.
	Token string
	// CacheDir keeps the last good snapshot for a start while the server is away.
	// Processes may share it. Empty keeps none.
	CacheDir string
	// File is a snapshot that was shipped with the program (the body of GET
	// /snapshot), for when there is nothing newer, or for ever where URL is empty.
	File string
	// Source replaces URL, CacheDir and File as the place where experiments come
	// from.
	Source feed.Source

	// StartWait is how long New waits for a first snapshot: 5 s when 0, not at
	// all when negative.
	StartWait time.Duration
	// CloseWait is for how long Close goes on sending exposures and events: 5 s when
	// 0, not at all when negative.
	CloseWait time.Duration
	// StaleAfter is for how long nothing may have confirmed what is known before
	// answers are marked stale. 0 is the feed's default.
	StaleAfter time.Duration
	// Poll is the pause between questions to the server, asked beside its stream.
	// 0 is the feed's default.
	Poll time.Duration

	// OnExposure is told of every exposure, once within ExposureWindow, from the
	// goroutine that asked for the variation: it should be quick.
	OnExposure func(Exposure)
	// DisableTracking sends neither exposures nor events.
	DisableTracking bool
	// HideAttributes keeps the attributes of units out of exposures: results then
	// have no dimensions, and what audiences said is not checked again.
	HideAttributes bool
	// ExposureWindow is for how long an equal exposure is not reported again: an
	// hour when 0.
	ExposureWindow time.Duration
	// ExposureQueue is how many exposures and events wait for the server at most:
	// 10,000 when 0.
	ExposureQueue int
	// ExposureInterval is the longest that they wait while all is well: 5 s when 0.
	ExposureInterval time.Duration

	// HTTPClient makes all requests; it must not limit their time, since the
	// stream is one of them. Nil is one of the SDK's own.
	HTTPClient *http.Client
	// Log is where trouble is told; nil is slog.Default().
	Log *slog.Logger
}

func (c *Config) setDefaults() {
	c.StartWait = cmp.Or(c.StartWait, 5*time.Second)
	c.CloseWait = cmp.Or(c.CloseWait, 5*time.Second)
	c.ExposureWindow = cmp.Or(c.ExposureWindow, time.Hour)
	c.ExposureQueue = cmp.Or(c.ExposureQueue, 10_000)
	c.ExposureInterval = cmp.Or(c.ExposureInterval, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.HTTPClient == nil {
		c.HTTPClient = newHTTPClient()
	}
}

// newHTTPClient bounds every wait but that for a body, which a stream has none
// of.
func newHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   headerTimeout,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
	}}
}

// newFeed asks, in this order: Source alone; or the server, with what is kept or
// was shipped here to begin with.
func newFeed(cfg *Config) *feed.Feed {
	asking := feed.Config{Poll: cfg.Poll, StaleAfter: cfg.StaleAfter, Log: cfg.Log}
	if cfg.Source != nil {
		return feed.New(asking, cfg.Source)
	}
	var sources []feed.Source
	if cfg.URL != "" {
		sources = append(sources, feed.NewControl(feed.ControlConfig{URL: cfg.URL, Token: cfg.Token, Client: cfg.HTTPClient}))
	}
	if cfg.CacheDir != "" {
		sources = append(sources, feed.NewDisk(cfg.CacheDir, cfg.Log))
	}
	if cfg.File != "" {
		sources = append(sources, feed.NewFile(cfg.File))
	}
	return feed.New(asking, sources...)
}

func (c *Config) check() error {
	switch {
	case c.URL == "" && c.File == "" && c.Source == nil:
		return errors.New("sdk: Config needs URL, File or Source")
	case c.ExposureWindow < 0 || c.ExposureQueue < 0 || c.ExposureInterval < 0:
		return errors.New("sdk: Config has a negative ExposureWindow, ExposureQueue or ExposureInterval")
	case c.StaleAfter < 0 || c.Poll != 0 && c.Poll < time.Millisecond:
		return errors.New("sdk: Config has a negative StaleAfter, or a Poll of less than a millisecond")
	case c.URL == "":
		return nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("sdk: Config.URL must be like https://assay.example.com")
	}
	if c.Token == "" {
		return errors.New("sdk: Config.Token is missing: a key with the role server")
	}
	return nil
}
