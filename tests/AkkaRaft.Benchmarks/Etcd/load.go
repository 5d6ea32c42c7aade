package main

import (
	"context"
	"fmt"
	"math/rand"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const (
	failurePause = 10 * time.Millisecond

	// While the leader may be lost an attempt is given up so early that the cluster's pause is measured and not the caller's patience:
	// a follower that does not know yet keeps what it was sent to itself.
	attemptTimeout = 100 * time.Millisecond

	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
)

// text does not compress, and is made once: values are cut from it.
var text = randomText(1 << 20)

// spec is a closed loop: each caller sends its next operation once it has the answer to the last.
type spec struct {
	Operation   string // put, or get, which is linearizable
	Callers     int
	Seconds     float64
	Keys        int64
	ValueBytes  int
	Total       int64 // when it is not 0: so many operations instead, over the keys in order
	LosesLeader bool  // the callers must get over a leader that is lost
}

type result struct {
	Completed    int64   `json:"completed"`
	Failed       int64   `json:"failed"`
	Seconds      float64 `json:"seconds"`
	P50Ms        float64 `json:"p50Ms"`
	P99Ms        float64 `json:"p99Ms"`
	LongestGapMs float64 `json:"longestGapMs"`
}

// gaps finds the longest time without an answer.
type gaps struct{ last, longest int64 }

func (g *gaps) answered(at time.Duration) {
	gap := int64(at) - atomic.SwapInt64(&g.last, int64(at))
	for {
		longest := atomic.LoadInt64(&g.longest)
		if gap <= longest || atomic.CompareAndSwapInt64(&g.longest, longest, gap) {
			return
		}
	}
}

// run drives the clients, over which the callers are spread.
func (s spec) run(clients []*clientv3.Client) (*result, error) {
	switch {
	case s.Operation != "put" && s.Operation != "get":
		return nil, fmt.Errorf("operation %q is neither put nor get", s.Operation)
	case s.Callers < 1 || s.Keys < 1:
		return nil, fmt.Errorf("%d callers, %d keys: both must be 1 or more", s.Callers, s.Keys)
	case s.ValueBytes < 0 || s.ValueBytes >= len(text):
		return nil, fmt.Errorf("%d bytes of a value are not between 0 and %d", s.ValueBytes, len(text)-1)
	}
	limit := time.Duration(s.Seconds * float64(time.Second))
	latencies := make([][]time.Duration, s.Callers)
	next, failed := int64(-1), int64(0)
	var answers gaps
	var callers sync.WaitGroup
	callers.Add(s.Callers)
	began := time.Now()
	for i := range latencies {
		go func(i int) {
			defer callers.Done()
			client := clients[i%len(clients)]
			random := rand.New(rand.NewSource(int64(i)))
			for {
				at := time.Since(began)
				number := random.Int63n(s.Keys)
				if s.Total > 0 {
					number = atomic.AddInt64(&next, 1)
					if number >= s.Total {
						return
					}
					number %= s.Keys
				} else if at >= limit {
					return
				}
				from := random.Intn(len(text) - s.ValueBytes)
				if err := s.one(client, key(number), text[from:from+s.ValueBytes]); err != nil {
					atomic.AddInt64(&failed, 1)
					time.Sleep(failurePause)
					continue
				}
				now := time.Since(began)
				latencies[i] = append(latencies[i], now-at)
				answers.answered(now)
			}
		}(i)
	}
	callers.Wait()
	took := time.Since(began)
	answers.answered(took)

	var sorted []time.Duration
	for _, l := range latencies {
		sorted = append(sorted, l...)
	}
	sort.Slice(sorted, func(a, b int) bool { return sorted[a] < sorted[b] })
	return &result{
		Completed: int64(len(sorted)), Failed: failed, Seconds: took.Seconds(),
		P50Ms: quantile(sorted, 0.5), P99Ms: quantile(sorted, 0.99), LongestGapMs: milliseconds(time.Duration(answers.longest)),
	}, nil
}

func (s spec) one(client *clientv3.Client, key, value string) error {
	ctx := context.Background()
	if s.LosesLeader {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attemptTimeout)
		defer cancel()
	}
	var err error
	if s.Operation == "put" {
		_, err = client.Put(ctx, key, value)
	} else {
		_, err = client.Get(ctx, key)
	}
	return err
}

// key is what `akkaraft load` calls it.
func key(number int64) string { return "load/" + strconv.FormatInt(number, 10) }

func randomText(length int) string {
	random := rand.New(rand.NewSource(1))
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = letters[random.Intn(len(letters))]
	}
	return string(bytes)
}

// quantile is the latency that the given share of all is not above; 0 when nothing was answered.
func quantile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(share * float64(len(sorted)))
	if i == len(sorted) {
		i--
	}
	return milliseconds(sorted[i])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
